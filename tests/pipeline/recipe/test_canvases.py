"""Steps that put parts of documents at places of rows: what would move these is refused."""

from typing import Any

import pytest

from pairloom.pipeline.recipe.rows import Pack


@pytest.mark.parametrize(
    ("keys", "moved"),
    [
        ({"predict_every_token": True}, "predict_every_token"),
        ({"steps": ["word_pooled", "stochastok"]}, "stochastok"),
        ({"shuffle": {"mode": "group", "by": "repo"}, "join": {}}, "join"),
        ({"strategy": "best_fit", "overflow": "turn"}, "overflow: turn"),
    ],
)
def test_what_would_move_canvases_is_refused(keys: dict[str, Any], moved: str) -> None:
    with pytest.raises(ValueError, match=f"word_pooled puts parts of documents .* and {moved} moves tokens"):
        Pack.model_validate({"seq_len": 32, "steps": ["word_pooled"], **keys})


def test_what_stands_before_or_beside_canvases_is_not_refused() -> None:
    steps = ["stochastok", "word_pooled", "sentences", "identifiers"]
    assert len(Pack.model_validate({"seq_len": 32, "steps": steps}).steps) == 4
