"""A `.tiktoken` file is written where tiktoken gives the same ids, whatever the merges look like, and refused elsewhere."""

import base64
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.bpe import ByteLevelBPE, load_tiktoken, save_tiktoken
from pairloom.operators.models.bpe.tiktoken_file import recover_merges, write_tiktoken

BYTES = [bytes([byte]) for byte in range(256)]
TEXTS = ["abab aabb", "aaaaaaaaaa bbbbbab", "the cat sat on the mat, 12345", "ababababa baab"]


def by_tiktoken(vocabulary: Vocabulary, data: bytes) -> tiktoken.Encoding:
    ranks = {base64.b64decode(line.split()[0]): int(line.split()[1]) for line in data.splitlines()}
    return tiktoken.Encoding(
        "x", pat_str=vocabulary.pretokenizer.patterns[0], mergeable_ranks=ranks, special_tokens={}
    )


def every_split(tokens: list[bytes]) -> list[list[int]]:
    index = {token: i for i, token in enumerate(tokens)}
    return [
        [index[token[:i]], index[token[i:]]]
        for token in tokens
        for i in range(1, len(token))
        if token[:i] in index and token[i:] in index
    ]


@given(
    words=st.lists(st.text("ab", min_size=2, max_size=6), min_size=1, max_size=12, unique=True),
    by_length=st.booleans(),
    ignore=st.booleans(),
    shape=st.sampled_from(["every split", "recovered", "drawn"]),
    data=st.data(),
    texts=st.lists(st.text("ab ", max_size=24), min_size=1, max_size=8),
)
@settings(max_examples=200, deadline=None)
def test_what_is_written_gives_the_same_ids(
    words: list[str], by_length: bool, ignore: bool, shape: str, data: st.DataObject, texts: list[str]
) -> None:
    """T3."""
    ordered = sorted(words, key=len) if by_length else words
    tokens = [*BYTES, *(word.encode() for word in ordered)]
    merges = recover_merges(tokens).tolist() if shape == "recovered" else every_split(tokens)
    if shape == "drawn":
        merges = [merge for merge in merges if data.draw(st.booleans())]
    vocabulary = Vocabulary(
        tokens=tokens,
        model=ByteLevelBPE(merges=np.array(merges, np.int32).reshape(-1, 2), ignore_merges=ignore),
        pretokenizer=Pretokenizer(scheme="gpt2"),
    )
    try:
        written = write_tiktoken(vocabulary)
    except RecipeError:
        return
    theirs = by_tiktoken(vocabulary, written)
    texts = [*texts, *words, " ".join(words)]
    assert vocabulary.encode(pa.array(texts)).to_pylist() == [theirs.encode(text) for text in texts]


def test_files_that_list_every_split_are_written(tmp_path: Path) -> None:
    """T3: as ports of published files list them."""
    cut = Pretokenizer(scheme="cl100k")
    learned = learn_bpe(count_words(pa.array(TEXTS * 9), cut), 300, special_tokens=[], pretokenizer=cut)
    file = json.loads(learned.to_json())
    del file["model"]["pairloom"]
    spelled = {i: word for word, i in file["model"]["vocab"].items()}
    splits = every_split(list(learned.tokens))
    assert len(splits) > len(learned.model.merges)
    file["model"]["merges"] = [[spelled[left], spelled[right]] for left, right in splits]
    listed = Vocabulary.from_json(json.dumps(file).encode())
    save_tiktoken(listed, tmp_path / "listed.tiktoken")
    save_tiktoken(learned, tmp_path / "learned.tiktoken")
    assert (tmp_path / "listed.tiktoken").read_bytes() == (tmp_path / "learned.tiktoken").read_bytes()
    owner = tokenizers.Tokenizer.from_str(json.dumps(file))
    theirs = by_tiktoken(listed, (tmp_path / "listed.tiktoken").read_bytes())
    for text in TEXTS:
        assert owner.encode(text).ids == theirs.encode(text) == listed.encode_one(text).tolist()


def test_what_tiktoken_cannot_do_is_refused(tmp_path: Path) -> None:
    """T3: several patterns, and tokens that are found in any text."""
    words = count_words(pa.array(TEXTS), Pretokenizer(scheme="deepseek_v3"))
    several = learn_bpe(words, 280, special_tokens=[], pretokenizer=Pretokenizer(scheme="deepseek_v3"))
    plain = Vocabulary(
        tokens=[*BYTES, b"<x>"],
        model=ByteLevelBPE(merges=[]),
        special_tokens=("<x>",),
        special_ids=(256,),
        plain_tokens=("<x>",),
    )
    for vocabulary, why in ((several, "one pattern"), (plain, "'<x>' .* found in any text")):
        with pytest.raises(RecipeError, match=why):
            save_tiktoken(vocabulary, tmp_path / "x.tiktoken")
    assert not (tmp_path / "x.tiktoken").exists()


@pytest.mark.parametrize("offset", [0, 7])
@pytest.mark.parametrize("cut", [{"digits": "single"}, {"scheme": "gpt2"}, {"pattern": r"\p{L}+|[^\p{L}]+"}])
def test_ranks_are_read_with_what_the_file_does_not_say(
    tmp_path: Path, cut: dict[str, str], offset: int
) -> None:
    counts = count_words(pa.array(["the 12 12 12 cat 1234567 the cat "]), Pretokenizer(scheme="none"))
    learned = learn_bpe(counts, 275, pretokenizer=Pretokenizer(scheme="cl100k"))
    path = tmp_path / "x.tiktoken"
    save_tiktoken(learned, path)
    special = {"<a>": 1, "<|end|>": 300} if offset else {"<|end|>": 300}
    read = load_tiktoken(path, special_tokens=special, offset=offset, **cut)
    lines = [line.split() for line in path.read_bytes().splitlines()]
    owner = tiktoken.Encoding(
        "x",
        pat_str=Pretokenizer(**{"scheme": "cl100k"} | cut).patterns[0],
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in lines},
        special_tokens={},
    )
    for text in [*TEXTS, "the 12 cat 1234567", "<a> the"]:
        assert read.encode_one(text).tolist() == [i + offset for i in owner.encode(text)]
    assert read.encode_one("<|end|>", special_tokens_in_text="parse").tolist() == [300]
    assert Vocabulary.from_json(read.to_json()) == read
    with pytest.raises(DataError, match=rf"x\.tiktoken: b'.' and '<b>' both have the id {offset + 9}"):
        load_tiktoken(path, special_tokens={"<b>": offset + 9}, offset=offset)
