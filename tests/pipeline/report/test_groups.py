"""What a report keeps of each group of documents, and how it spells their tokens."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.pipeline.report.documents import spelled
from pairloom.pipeline.report.sums import Group


def test_what_is_kept_of_a_group_is_bounded_and_the_same_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pairloom.pipeline.report.sums.KEPT_BYTES", 40)
    made = [(7, "é" * 9), (3, "b" * 15), (5, "c" * 15), (1, "d" * 15), (9, "e")]
    wanted = [text for _, text in sorted(made)][:3]  # the third begins below 40 bytes, the fourth does not
    for order in itertools.permutations(made):
        group = Group()
        for hashed, text in order:
            group.keep(np.array([hashed], np.uint64), pa.array([text], pa.large_string()))
        assert group.texts.to_pylist() == wanted
        assert group.hashes.tolist() == [1, 3, 5]


def test_tokens_that_end_inside_a_character_are_spelled_together() -> None:
    cut = Pretokenizer(scheme="gpt2")
    vocabulary = learn_bpe(count_words(pa.array(["é"]), cut), 256, pretokenizer=cut)
    ids = vocabulary.encode_one("aé日").tolist()
    assert spelled(vocabulary, ids) == [("a", 1), ("é", 2), ("日", 3)]
    assert spelled(vocabulary, ids[:2]) == [("a", 1), ("\ufffd", 1)]
