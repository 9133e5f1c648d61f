"""The keys of fill-in-the-middle: presets, values that make no sense, what travels to workers."""

import pytest

from pairloom.operators.transforms import TRANSFORMS
from pairloom.operators.transforms.fim import PRESETS, FillInTheMiddle, Sentinels, Tables
from tests.operators.transforms.fim import ENDED, NAMES, SEED, TEXT, VOCABULARY, batch_of, encoded, rows


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_name_three_or_four_tokens(preset: str) -> None:
    names = FillInTheMiddle(tokens=preset).special_tokens
    assert len(set(names)) == len(names) == (4 if preset in ("codellama", "codegemma") else 3)


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": 1.5}, "rate"),
        ({"spm_rate": -0.1}, "spm_rate"),
        ({"chunk_tokens": 0}, "chunk_tokens"),
        ({"tokens": "gpt"}, "tokens"),
        ({"level": "segment"}, "truncate"),
        ({"tokens": Sentinels(prefix="<p>", suffix="<p>", middle="<m>")}, "tokens"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        FillInTheMiddle(**keys)


def test_it_is_found_by_name_and_its_tables_can_be_sent() -> None:
    import pickle

    assert TRANSFORMS.get("fim") is FillInTheMiddle
    step = FillInTheMiddle(tokens=NAMES)
    tables = pickle.loads(pickle.dumps(step.prepare(VOCABULARY)))
    assert isinstance(tables, Tables)
    batch = batch_of(encoded(TEXT))
    assert rows(step(batch, SEED, tables)) == rows(step(batch, SEED, step.prepare(VOCABULARY)))
    assert step.identity() != FillInTheMiddle(tokens=ENDED).identity()
