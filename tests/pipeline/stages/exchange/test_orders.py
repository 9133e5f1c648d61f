"""Orders: each says about itself what the exchange, the plan and the rows ask of one."""

import pytest

from pairloom.pipeline.recipe import Shuffle
from pairloom.pipeline.stages.exchange.orders import ORDERS
from pairloom.pipeline.stages.exchange.partitions import Splits

ALL = ORDERS.all()
MODES = ("block", "document", "none")


def test_every_order_is_a_shuffle_of_a_recipe_with_its_keys() -> None:
    given = {"groups": 4, "by": "quality", "window": 8, "descending": True, "then": "place"}
    for name, order in ALL.items():
        assert Shuffle(mode=name, **{key: given[key] for key in order.keys}).mode == name
        for key in given.keys() - set(order.keys):
            with pytest.raises(ValueError, match=f"{key} belongs? to mode "):
                Shuffle(mode=name, **{needed: given[needed] for needed in order.needs}, **{key: given[key]})
    with pytest.raises(ValueError, match="there is no shuffle 'blok'; did you mean 'block'"):
        Shuffle(mode="blok")
    with pytest.raises(ValueError, match="mode order needs the key 'by'"):
        Shuffle(mode="order")


def test_only_the_order_of_the_corpus_asks_for_places_and_for_no_seed() -> None:
    assert [name for name, order in ALL.items() if order.placed] == ["none"]
    assert [name for name, order in ALL.items() if not order.seeded] == ["none"]
    assert [name for name, order in ALL.items() if order.scatters] == ["document", "group", "order"]


def test_identities_are_those_that_units_have_always_had() -> None:
    found = {
        mode: Splits.of(1000, 100, 0.1, mode=mode, groups=None).identity(end_token=450) for mode in MODES
    }
    assert found == {
        "document": ["document", 0.1, 10, 1, 1],
        "block": ["block", 0.1, 8, 1, 1],
        "none": ["none", 0.1, 100, 5],
    }


def test_partitions_that_are_very_many_share_batches_where_any_document_may_be_in_any() -> None:
    widths = {mode: Splits.of(10**6, 1000, 0.0, mode=mode, groups=1000).width for mode in MODES}
    assert widths == {"document": 32, "block": 1, "none": 1}
