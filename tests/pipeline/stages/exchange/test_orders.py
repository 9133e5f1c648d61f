"""Orders: each says about itself what the exchange, the plan and the rows ask of one."""

from pairloom.pipeline.recipe import Shuffle
from pairloom.pipeline.stages.exchange.orders import ORDERS
from pairloom.pipeline.stages.exchange.partitions import Splits


def test_every_shuffle_of_a_recipe_has_an_order() -> None:
    modes = Shuffle.model_fields["mode"].annotation.__args__  # type: ignore[union-attr]
    assert set(modes) == set(ORDERS)
    assert all(name == order.name for name, order in ORDERS.items())


def test_only_the_order_of_the_corpus_asks_for_places_and_for_no_seed() -> None:
    assert [name for name, order in ORDERS.items() if order.placed] == ["none"]
    assert [name for name, order in ORDERS.items() if not order.seeded] == ["none"]
    assert [name for name, order in ORDERS.items() if order.scatters] == ["document"]


def test_identities_are_those_that_units_have_always_had() -> None:
    found = {
        mode: Splits.of(1000, 100, 0.1, mode=mode, groups=None).identity(end_token=450) for mode in ORDERS
    }
    assert found == {
        "document": ["document", 0.1, 10, 1, 1],
        "block": ["block", 0.1, 8, 1, 1],
        "none": ["none", 0.1, 100, 5],
    }


def test_partitions_that_are_very_many_share_batches_where_any_document_may_be_in_any() -> None:
    widths = {mode: Splits.of(10**6, 1000, 0.0, mode=mode, groups=1000).width for mode in ORDERS}
    assert widths == {"document": 32, "block": 1, "none": 1}
