"""Rows beside another vocabulary's tokens: chunks tile both, and are the same text on both sides (N04)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.evaluate.biases import biases_between, token_shares
from pairloom.operators.layouts import LAYOUTS, laid_out, taken_back
from pairloom.operators.layouts.aligned_rows import AlignedRows, chunks_of
from tests.support.owners import library
from tests.support.rows import matrix, rows_of
from tests.support.unplaced import unplaced

TEXTS = ["unrelatedly so, and related words", "naïve 日本 related", "the cat sat on the mat, unrelated"]


def learned(text: str, size: int, special: list[str]) -> Vocabulary:
    return learn_bpe(count_words(pa.array([text]), Pretokenizer()), size, special_tokens=special)


OURS = learned(" ".join(TEXTS) * 5, 300, ["<s>", "</s>", "<x>"])
OTHER = learned("unrel atedly words so and the cat s at " * 9, 290, ["</s>", "<eos>"])


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("other") / "tokenizer.json"
    OTHER.save(path)
    return str(path)


def applied(step: AlignedRows, rows: list[list[list[int]]], width: int = 40) -> pa.RecordBatch:
    before = rows_of(rows, width)
    tables = step.prepare(OURS)
    made = laid_out(before, [step], 1, 0, 0, [tables])
    assert taken_back(made, [step], [tables]).equals(before)
    return made


def spelled(made: pa.RecordBatch, row: int) -> dict[int, tuple[bytes, bytes]]:
    """The bytes of every chunk on both sides; special tokens as they are named."""
    sides: list[dict[int, list[bytes]]] = []
    for ids, chunks, vocabulary in (("input_ids", "chunk", OURS), ("other_ids", "other_chunk", OTHER)):
        found: dict[int, list[bytes]] = {}
        for token, chunk in zip(
            matrix(made, ids)[row].tolist(), matrix(made, chunks)[row].tolist(), strict=True
        ):
            if chunk >= 0:
                found.setdefault(chunk, []).append(vocabulary.tokens[token])
        sides.append(found)
    assert sides[0].keys() == sides[1].keys()
    return {chunk: (b"".join(sides[0][chunk]), b"".join(sides[1][chunk])) for chunk in sides[0]}


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chunks_are_the_same_text_on_both_sides_and_whole_texts_are_tiled(other: str, data: Any) -> None:
    texts = data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
    rows = [[[*OURS.encode_one(text).tolist(), 1] for text in texts]]
    cut = data.draw(st.integers(0, 5))
    rows[0][0] = rows[0][0][cut:]
    mode = data.draw(st.sampled_from(["unconstrained", "space"]))
    made = applied(AlignedRows(tokenizer=other, width=256, mode=mode), rows, 160)
    chunks = spelled(made, 0)
    assert sorted(chunks) == list(range(len(chunks)))
    assert all(one == two for one, two in chunks.values())
    found = matrix(made, "chunk")[0]
    assert (np.diff(found[found >= 0]) >= 0).all()
    if cut == 0:
        length = sum(map(len, rows[0]))
        assert (found[:length] >= 0).all()
        assert (found[length:] == -1).all()
        theirs = sum(len(OTHER.encode_one(text)) + 1 for text in texts)
        beside = matrix(made, "other_chunk")[0]
        assert (beside[:theirs] >= 0).all()
        assert (beside[theirs:] == -1).all()
    if mode == "space":
        assert all(
            one.startswith(b" ") or chunk == 0 or one == b"</s>" or chunks[chunk - 1][0] == b"</s>"
            for chunk, (one, _) in chunks.items()
        )
    assert matrix(made, "other_left_out").tolist() == [[0]]
    edges = chunks_of(found, matrix(made, "other_chunk")[0])
    assert len(edges) == len(chunks)
    if cut == 0:  # they tile both
        assert (edges[1:, [0, 2]] == edges[:-1, [1, 3]]).all()
        assert edges[-1, [1, 3]].tolist() == [length, theirs]


def test_special_tokens_become_others_or_nothing(other: str) -> None:
    rows = [[[0, *OURS.encode_one("so").tolist(), 2, 1]]]
    made = applied(AlignedRows(tokenizer=other, width=32, special=("<s>=<eos>",)), rows)
    chunks = spelled(made, 0)
    first, *text, last = chunks.values()
    assert (first, last) == ((b"<s>", b"<eos>"), (b"</s>", b"</s>"))
    assert [b"".join(side) for side in zip(*text, strict=True)] == [b"so", b"so"]
    assert matrix(made, "chunk")[0][len(rows[0][0]) - 2] == -1


def test_characters_that_a_row_has_a_part_of_are_of_no_chunk(other: str) -> None:
    ids = OURS.encode_one("日本 so").tolist()
    broken = next(i for i, token in enumerate(OURS.tokens) if token == "日".encode()[1:2])
    made = applied(
        AlignedRows(tokenizer=other, width=32), [[[broken, *OURS.encode_one(" so").tolist(), broken]], [ids]]
    )
    assert matrix(made, "chunk")[0][0] == -1
    assert list(spelled(made, 0).values()) == [(b" so", b" so")]
    made = applied(AlignedRows(tokenizer=other, width=32), [[[broken]]])
    assert spelled(made, 0) == {}


def test_what_has_no_room_is_counted_and_of_no_chunk(other: str) -> None:
    text = TEXTS[0]
    whole = len(OTHER.encode_one(text))
    made = applied(AlignedRows(tokenizer=other, width=6), [[OURS.encode_one(text).tolist()]])
    assert matrix(made, "other_left_out").tolist() == [[whole - 6]]
    chunks = spelled(made, 0)
    assert chunks
    assert all(one == two for one, two in chunks.values())
    assert (
        b"".join(one for one, _ in chunks.values())
        == text.encode()[: sum(len(one) for one, _ in chunks.values())]
    )


def test_chunks_that_are_biased_are_none(other: str, tmp_path: Path) -> None:
    shares = [
        token_shares([one.encode(pa.array(TEXTS, pa.large_string()))], len(one)) for one in (OURS, OTHER)
    ]
    found = biases_between(OURS, OTHER, *shares)
    pq.write_table(found.table(), tmp_path / "biases.parquet")
    rows = [[[*OURS.encode_one(text).tolist(), 1] for text in TEXTS]]
    free, strict, all_ = (
        spelled(applied(AlignedRows(tokenizer=other, width=256, **more), rows, 160), 0)
        for more in (
            {},
            {"biases": str(tmp_path / "biases.parquet"), "threshold": 0.02},
            {"biases": str(tmp_path / "biases.parquet"), "threshold": 1.0},
        )
    )
    assert free == all_
    assert 0 < len(strict) < len(free)
    assert all(one == two for one, two in strict.values())
    # Each that is left was there, in the same order.
    left = iter(free.values())
    assert all(any(one == other for other in left) for one in strict.values())


def test_keys_files_and_vocabularies_that_do_not_fit_are_named(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for keys, said in (
        ({"tokenizer": ""}, "tokenizer must be the path"),
        ({"tokenizer": "x", "width": 0}, "width must be"),
        ({"tokenizer": "x", "mode": "word"}, "mode must be"),
        ({"tokenizer": "x", "special": ("<s>",)}, "special must be pairs"),
        ({"tokenizer": "x", "threshold": -1.0}, "threshold must not be negative"),
    ):
        with pytest.raises(ValueError, match=said):
            AlignedRows(**keys)
    with pytest.raises(ValueError, match="tokenizer must be a file, and there is no"):
        AlignedRows(tokenizer=str(tmp_path / "none.json")).prepare(OURS)
    strange = unplaced(tmp_path / "unplaced.json", monkeypatch)
    with pytest.raises(ValueError, match=r"where in a text its tokens are: .* is of the model 'unplaced'"):
        AlignedRows(tokenizer=str(tmp_path / "unplaced.json")).prepare(OURS)
    with pytest.raises(ValueError, match="tokens of rows must be the bytes of their texts"):
        AlignedRows(tokenizer=other).prepare(strange)
    formed = learn_bpe(count_words(pa.array(TEXTS), Pretokenizer()), 270, special_tokens=[], normalizer="nfc")
    formed.save(tmp_path / "nfc.json")
    with pytest.raises(ValueError, match=r"normalizes it \(nfc\)"):
        AlignedRows(tokenizer=str(tmp_path / "nfc.json")).prepare(OURS)
    first = AlignedRows(tokenizer=other).identity()
    (tmp_path / "copy.json").write_bytes(Path(other).read_bytes())
    assert first["files"] == AlignedRows(tokenizer=str(tmp_path / "copy.json")).identity()["files"]
    assert LAYOUTS.get("aligned_rows") is AlignedRows


def test_tokens_that_any_text_may_have_are_text(tmp_path: Path) -> None:
    """Plain added tokens are bytes of a text like any others; only special ones are of another kind."""
    plain = replace(
        OURS,
        tokens=[*OURS.tokens, b"<think>"],
        special_tokens=(*OURS.special_tokens, "<think>"),
        special_ids=(*OURS.special_ids, len(OURS)),
        plain_tokens=("<think>",),
    )
    OTHER.save(tmp_path / "other.json")
    step = AlignedRows(tokenizer=str(tmp_path / "other.json"), width=32)
    ids = plain.encode_one("so<think> the").tolist()
    assert len(OURS) in ids
    made = laid_out(rows_of([[ids]], 16), [step], 1, 0, 0, [step.prepare(plain)])
    assert (matrix(made, "chunk")[0][: len(ids)] >= 0).all()


def test_rows_stand_beside_tokens_that_do_not_spell_their_texts(tmp_path: Path) -> None:
    words = {
        "[UNK]": 0,
        "un": 1,
        "##related": 2,
        "so": 3,
        "and": 4,
        "words": 5,
        "##ly": 6,
        ",": 7,
        "related": 8,
    }
    made = library().Tokenizer(library().models.WordPiece(words, unk_token="[UNK]"))
    made.pre_tokenizer = library().pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "wordpiece.json"))
    found = applied(
        AlignedRows(tokenizer=str(tmp_path / "wordpiece.json"), width=30),
        [[OURS.encode_one(f"{TEXTS[0]} ").tolist()]],
    )
    ours, theirs = (matrix(found, name)[0] for name in ("input_ids", "other_ids"))
    chunk, beside = (matrix(found, name)[0] for name in ("chunk", "other_chunk"))
    names = {i: word for word, i in words.items()}
    assert chunk.max() == beside.max() > 2
    for one in range(chunk.max() + 1):
        mine = b"".join(OURS.tokens[i] for i in ours[chunk == one].tolist())
        other = "".join(names[i] for i in theirs[beside == one].tolist()).replace("##", "")
        assert mine.decode().replace(" ", "") == other
