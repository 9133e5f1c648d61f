"""Encoding columns: nulls, slices, chunks, special tokens, runs of one letter, buffers that end at a forbidden page."""

import ctypes
import functools
import itertools
import mmap
import pickle
import sysconfig
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode import Encoder, Tokenizer, tokenizer_of
from pairloom.operators.errors import CapacityError, DataError
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.models.bpe.kernels.word import SHORT
from pairloom.operators.models.bpe.word import PairTable
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.normalize import normalize
from pairloom.operators.vocabulary.tokens import TokenTable

NOTHING = np.zeros(0, np.uint32)


@functools.cache
def sources() -> pa.Array:
    root = Path(sysconfig.get_path("stdlib"))
    return pa.array(
        [path.read_text(encoding="utf-8", errors="ignore") for path in sorted(root.glob("*.py"))[:60]]
    )


@functools.cache
def learned(scheme: str = "gpt2", size: int = 2000) -> Vocabulary:
    cut = Pretokenizer(scheme=scheme)
    counts = count_words(sources(), Pretokenizer() if scheme == "none" else cut)
    return learn_bpe(counts, size, special_tokens=["<|a|>", "<|a|>b"], pretokenizer=cut)


def test_the_standard_library_comes_back():
    vocab = learned()
    ids = vocab.encode(sources())
    assert ids.type == pa.large_list(pa.uint16())
    assert vocab.decode(ids).cast(pa.large_string()).equals(sources().cast(pa.large_string()))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()]
)
def test_any_column_of_text_gives_the_same_lists(kind):
    vocab = learned()
    column = pa.array(["x = 1", None, "", "été", "import os"], pa.string()).cast(kind)
    ids = vocab.encode(column, prepend=[0], append=[1, 0])
    assert ids.null_count == 1
    assert ids.to_pylist()[1:3] == [None, [0, 1, 0]]
    assert ids[0].as_py() == [0, *vocab.encode_one("x = 1").tolist(), 1, 0]
    assert vocab.encode(column.slice(3), prepend=[0], append=[1, 0]).to_pylist() == ids.to_pylist()[3:]
    chunked = pa.chunked_array([column.slice(0, 2), column.slice(2)])
    assert vocab.encode(chunked, prepend=[0], append=[1, 0]).equals(ids)


def test_dictionaries_empty_columns_and_other_types():
    vocab = learned()
    column = pa.array(["a", "b", "a"]).dictionary_encode()
    assert vocab.encode(column).to_pylist() == vocab.encode(pa.array(["a", "b", "a"])).to_pylist()
    assert len(vocab.encode(pa.array([], pa.string()))) == 0
    assert vocab.encode(pa.chunked_array([], pa.string())).to_pylist() == []
    with pytest.raises(TypeError, match="strings or binaries"):
        vocab.encode(pa.array([1]))


def test_bytes_that_are_not_utf8_are_refused_by_number():
    with pytest.raises(ValueError, match="document 1 is not UTF-8"):
        learned().encode(pa.array([b"a", b"\xff", b"c"]))


def test_options_are_checked():
    vocab = learned()
    for wrong in (
        {"prepend": [-1]},
        {"append": [len(vocab)]},
        {"special_tokens_in_text": "x"},
        {"missing_bytes": "x"},
    ):
        with pytest.raises(ValueError, match=r"outside|must be"):
            vocab.encode(pa.array(["a"]), **wrong)
    with pytest.raises(ValueError, match="negative"):
        tokenizer_of(vocab).encoder(table_bytes=-1)


def test_special_tokens_in_text():
    vocab = learned()
    column = pa.array(["x<|a|>b<|a|>", None, "<|a|", ""])
    text, parsed = vocab.encode(column), vocab.encode(column, special_tokens_in_text="parse")
    assert not {0, 1} & set(text.values.to_pylist())
    assert parsed.to_pylist()[0] == [*vocab.encode_one("x").tolist(), 1, 0]
    assert parsed.to_pylist()[1:] == text.to_pylist()[1:]
    assert vocab.decode(parsed).equals(vocab.decode(text))
    assert tokenizer_of(vocab).find_special_tokens(column).to_pylist() == [True, None, False, False]
    assert tokenizer_of(vocab).find_special_tokens(pa.chunked_array([column, column])).to_pylist() == 2 * [
        True,
        None,
        False,
        False,
    ]
    with pytest.raises(ValueError, match=r"document 0 spells the special token '<\|a\|>b'"):
        vocab.encode(column, special_tokens_in_text="error")
    assert vocab.encode(column.slice(1), special_tokens_in_text="error").equals(text.slice(1))
    many = pa.array(["<|a|>" * 200, "-" + "<|a|>b" * 3])
    assert vocab.encode(many, special_tokens_in_text="parse", prepend=[5]).to_pylist() == [
        [5] + [0] * 200,
        [5, *vocab.encode_one("-").tolist(), 1, 1, 1],
    ]


@pytest.mark.parametrize("letter", ["a", "ab", "=", "日", " ", "\n", "aGVsbG8gd29ybGQ+/"])
def test_long_words_equal_short_ones_and_take_time_in_proportion(letter):
    # Merging by the heap equals merging by the keys: the same words on both sides of the limit between them.
    vocab = learned("none")
    for size in (SHORT - 1, SHORT, SHORT + 1, 5 * SHORT):
        text = (letter * size).encode()[:size].decode(errors="ignore")
        ids = (
            tokenizer_of(vocab)
            .encode_column(pa.array([text]), encoder=tokenizer_of(vocab).encoder(table_bytes=0))[0]
            .to_pylist()[0]
        )
        assert vocab.decode(ids) == text.encode()
        ranks = {(int(a), int(b)): k for k, (a, b) in enumerate(vocab.model.merges)}
        assert all(pair not in ranks for pair in itertools.pairwise(ids))
    million = letter * (1_000_000 // len(letter))
    assert vocab.decode(vocab.encode_one(million)) == million.encode()


def test_nothing_is_read_past_the_text():
    vocab = learned()
    libc = ctypes.CDLL(None, use_errno=True)
    page = mmap.PAGESIZE
    region = mmap.mmap(-1, 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(region))
    assert libc.mprotect(ctypes.c_void_p(start + page), ctypes.c_size_t(page), 0) == 0
    memory = np.frombuffer((ctypes.c_uint8 * page).from_address(start), np.uint8)
    kernel = tokenizer_of(vocab).tables.kernel()
    for tail in (
        "x",
        " word",
        " fifteen_letter",
        " sixteen__letters",
        " a word that is longer than that",
        "日本語",
    ):
        raw = tail.encode()
        memory[-len(raw) :] = np.frombuffer(raw, np.uint8)
        for length in range(1, len(raw) + 1):
            piece = memory[page - length :]
            ends = np.array([length], np.int64)

            class Whole:
                def blocks(self, text, ends=ends):
                    yield 0, ends

            encoder = Encoder(kernel, pretokenizer=Whole(), dtype=vocab.dtype, table_bytes=1 << 16)
            text = Text(data=piece, offsets=np.array([0, length], np.int64))
            for _ in range(2):
                ids, _ = encoder.encode(text, prepend=NOTHING, append=NOTHING)
                assert vocab.decode(ids) == raw[len(raw) - length :]
    assert libc.mprotect(ctypes.c_void_p(start + page), ctypes.c_size_t(page), 3) == 0


def test_full_tables_are_emptied_and_ids_stay():
    vocab = learned()
    rows = pa.array([" ".join(f"w{i * 7919 % 100003}x{i}" + "y" * (i % 40) for i in range(20_000))])
    wanted = tokenizer_of(vocab).encode_column(rows, encoder=tokenizer_of(vocab).encoder(table_bytes=0))[0]
    small, large = tokenizer_of(vocab).encoder(table_bytes=1 << 15), tokenizer_of(vocab).encoder()
    assert tokenizer_of(vocab).encode_column(rows, encoder=small)[0].equals(wanted)
    assert small.statistics["generations"] > 1
    assert small.statistics["bytes"] <= 1 << 15
    for _ in range(2):
        assert tokenizer_of(vocab).encode_column(rows, encoder=large)[0].equals(wanted)
    assert large.statistics["misses"] == 0
    assert large.statistics["generations"] == 0


def test_a_memo_spares_the_misses_and_changes_no_id():
    vocab = learned()
    counts = count_words(sources(), vocab.pretokenizer)
    memo = Tokenizer(vocab).with_memo(counts, limit=1 << 20)
    assert memo.vocabulary == vocab
    encoder = memo.encoder()
    assert memo.encode_column(sources(), encoder=encoder)[0].equals(vocab.encode(sources()))
    assert encoder.statistics["misses"] < 0.01 * len(counts)
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(memo, protocol=5, buffer_callback=buffers.append)
    assert len(body) < 4000
    again = pickle.loads(body, buffers=buffers)
    assert again.encode_column(sources(), encoder=again.encoder())[0].equals(vocab.encode(sources()))
    assert len(again.memo) == len(memo.memo) == len(counts)
    assert any(np.shares_memory(again.memo.short, np.frombuffer(buffer, np.uint8)) for buffer in buffers)


def test_a_memo_that_is_too_large_for_a_small_table_is_left_out():
    vocab = learned()
    memo = Tokenizer(vocab).with_memo(count_words(sources(), vocab.pretokenizer))
    encoder = memo.encoder(table_bytes=1 << 14)
    assert memo.encode_column(sources(), encoder=encoder)[0].equals(vocab.encode(sources()))
    assert encoder.statistics["bytes"] <= 1 << 14


def test_a_full_table_starts_from_the_memo_again():
    vocab = learned()
    counts = count_words(sources(), vocab.pretokenizer)
    memo = Tokenizer(vocab).with_memo(counts, limit=100)
    encoder = memo.encoder(table_bytes=1 << 16)
    for _ in range(2):
        assert memo.encode_column(sources(), encoder=encoder)[0].equals(vocab.encode(sources()))
    assert encoder.statistics["generations"] > 0


def test_threads_do_not_share_tables():
    vocab = learned()
    wanted = vocab.encode(sources())
    got: list[bool] = []
    threads = [
        threading.Thread(target=lambda: got.append(vocab.encode(sources()).equals(wanted))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [True] * 4


def test_bytes_without_a_token():
    full = learned()
    keep = [i for i, token in enumerate(full.tokens) if token != b"q"]
    tokens = [full.tokens[i] for i in keep]
    vocab = Vocabulary(
        tokens=tokens,
        model=ByteLevelBPE(merges=np.zeros((0, 2), np.int32)),
        special_tokens=full.special_tokens,
    )
    column = pa.array(["ab", "aqb q", "q" * 300])
    for _ in range(2):  # a word with such a byte is never kept in the table
        with pytest.raises(DataError, match=r"302 bytes have no token.*document 1"):
            vocab.encode(column)
    dropped = vocab.encode(column, missing_bytes="drop")
    assert vocab.decode(dropped).to_pylist() == [b"ab", b"ab ", b""]


def test_wide_ids_and_limits():
    base = learned()
    filler = [b"\xff\xff%d" % i for i in range(70_000)]
    vocab = Vocabulary(
        tokens=[*base.tokens, *filler],
        model=ByteLevelBPE(merges=base.model.merges),
        special_tokens=base.special_tokens,
    )
    ids = vocab.encode(sources(), append=[70_000])
    assert ids.type == pa.large_list(pa.uint32())
    narrow = base.encode(sources())
    assert [row[:-1] for row in ids.to_pylist()] == narrow.to_pylist()
    assert {row[-1] for row in ids.to_pylist()} == {70_000}
    with pytest.raises(CapacityError, match="ids up to"):
        PairTable.of(
            np.full(256, -1), np.array([[0, 1 << 21]], np.int32), np.array([3]), tokens=TokenTable.of([b"a"])
        )


def test_decoding_checks_ids():
    vocab = learned()
    assert vocab.decode([]) == b""
    assert vocab.decode(pa.array([[2, 3], None, []], pa.list_(pa.int32()))).to_pylist() == [b'!"', None, b""]
    assert vocab.decode(pa.chunked_array([pa.array([[2], [3]], pa.large_list(pa.uint16()))])).to_pylist() == [
        b"!",
        b'"',
    ]
    with pytest.raises(DataError, match="id 5000 is outside"):
        vocab.decode([1, 5000])
    with pytest.raises(DataError, match="negative"):
        vocab.decode([-1])
    with pytest.raises(DataError, match="null"):
        vocab.decode(pa.array([[1, None]]))
    with pytest.raises(TypeError, match="integer"):
        vocab.decode([1.5])
    with pytest.raises(TypeError, match="lists of integers"):
        vocab.decode(pa.array(["a"]))


def test_normalize_leaves_alone_what_is_normal():
    plain = pa.array(["abc", None, ""])
    assert normalize(plain, "nfc") is plain
    mixed = pa.array(["abc", None, "e\u0301", "ﬁ"])
    assert normalize(mixed, "nfc").to_pylist() == ["abc", None, "\u00e9", "ﬁ"]
    assert normalize(mixed, "nfkc").to_pylist() == ["abc", None, "\u00e9", "fi"]
    assert normalize(mixed.slice(2), "nfkc").to_pylist() == ["\u00e9", "fi"]
    with pytest.raises(ValueError, match="unknown normalizer"):
        normalize(plain, "nfx")


def test_a_flat_column_of_ids_decodes_to_bytes():
    vocab = learned()
    ids = vocab.encode(pa.array(["the cat sat", "na\u00efve"]))
    assert vocab.decode(ids[0].values) == b"the cat sat"
    assert vocab.decode(pa.chunked_array([ids[0].values, ids[1].values])) == "the cat satna\u00efve".encode()
    assert vocab.decode(pa.array([], pa.uint16())) == b""
    with pytest.raises(TypeError, match="without nulls"):
        vocab.decode(pa.array([1, None], pa.uint16()))
