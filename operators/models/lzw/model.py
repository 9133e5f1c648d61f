"""LZW as a model: a dictionary, of which the longest entry is taken at each place of a word.

In a `tokenizer.json` that is a WordPiece whose pieces have no prefix, over the byte-level alphabet, which `tokenizers` encodes
with the same ids.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import WordKernel
from pairloom.operators.encode.words import WordTables
from pairloom.operators.learners.lzw import LZWLearner
from pairloom.operators.models import Entries, Model, OtherModelError, Read, TokenizerFile
from pairloom.operators.models.bpe.added import is_one_word
from pairloom.operators.models.bpe.tokenizer_json import byte_level_file, read_entries
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.lzw.kernels import encode_block, parse_longest
from pairloom.operators.speeds import Encoding
from pairloom.operators.vocabulary.file_merges import NO_MERGES
from pairloom.operators.vocabulary.tokens import TokenTable, ordinary_index

__all__ = ["LZW", "LZWTables", "parse"]

# What the library takes for words that are too long has no bound here; and this is one that JSON has.
LONGEST_WORD = 1 << 53
SHORTEST_BOUND = 1 << 31  # which no word of a column reaches


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LZWTables(WordTables):
    """A dictionary laid out: `trie` is that of `build_trie`, whose numbers are ids, `lengths` uint32, one an id."""

    trie: npt.NDArray[np.uint64]
    lengths: npt.NDArray[np.uint32]

    def kernel(self, *, cut: bool = True) -> WordKernel:
        """See `WordTables`."""
        return WordKernel(
            block=encode_block,
            tables=(self.trie.ctypes.data, self.lengths.ctypes.data),
            held=self,
            scratch_bytes=lambda length: 4 * length + 8,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LZW(Model):
    """The longest token at each place of a word, from its start on; every byte is a token."""

    name: ClassVar[str] = "lzw"
    encoding: ClassVar[Encoding] = LZWLearner.encoding
    types: ClassVar[tuple[str, ...]] = ("WordPiece",)
    kernels: ClassVar[tuple[str, ...]] = ("models.lzw.kernels",)

    @property
    def identity(self) -> bytes:
        """Nothing: tokens are all that there is."""
        return b""

    def check(self, entries: Entries) -> None:
        """ValueError where a byte is no token, so that some texts had none."""
        found = ordinary_index(entries.tokens, entries.added_ids)
        if missing := [byte for byte in range(256) if bytes([byte]) not in found]:
            raise ValueError(
                f"the dictionary has no entry for {len(missing)} bytes, the first {missing[0]:#04x}"
            )

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """A WordPiece of bytes, whose pieces have no prefix and whose words have no bound."""
        model = file.document["model"]
        if model.get("continuing_subword_prefix", "##"):
            raise OtherModelError("its model is WordPiece with a prefix for what goes on a word")
        if model.get("max_input_chars_per_word", 100) < SHORTEST_BOUND:
            raise OtherModelError("its model is WordPiece that leaves out long words")
        fields, extras = read_entries(file.document, NO_MERGES, whole=False)
        both = [token for token in fields["special_tokens"] if token in model["vocab"]]
        if any(is_one_word(token, fields["pretokenizer"]) for token in both):
            raise OtherModelError(f"its added token {both[0]!r} is a token of its model too")
        there = set(fields["tokens"])
        if any(bytes([byte]) not in there for byte in range(256)):
            raise OtherModelError("its model is WordPiece that lacks a byte")
        return Read(fields | {"model": cls()}, extras.get("golden") or [])

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """See `byte_level_file`."""
        document, _ = byte_level_file(
            entries, {}, golden(), reached=lambda special: is_one_word(special, entries.pretokenizer)
        )
        document["model"] = {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "",
            "max_input_chars_per_word": LONGEST_WORD,
            **document["model"],
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def compiled(self, entries: Entries) -> LZWTables:
        """Time and room are linear in the bytes of the tokens."""
        tokens = TokenTable.of(entries.tokens)
        numbers = np.arange(len(tokens), dtype=np.int64)
        numbers[list(entries.added_ids)] = -1
        return LZWTables(
            entries=entries, trie=build_trie(tokens, numbers), lengths=tokens.lengths.astype(np.uint32)
        )


def parse(data: bytes, dictionary: Sequence[bytes]) -> npt.NDArray[np.int32]:
    """The numbers of the longest entries of a text, of equal entries the last; ValueError where none begins as the text does.

    >>> parse(b"abcab", [b"a", b"b", b"c", b"ab"]).tolist()
    [3, 2, 3]
    """
    tokens = TokenTable.of(dictionary)
    numbers = np.full(len(tokens), -1, np.int64)
    last = list({entry: i for i, entry in enumerate(dictionary)}.values())
    numbers[last] = last
    ids = np.empty(len(data), np.int32)
    text, lengths = np.frombuffer(data, np.uint8), tokens.lengths.astype(np.uint32)
    written, end = parse_longest(text, build_trie(tokens, numbers), lengths, ids)
    if end < len(data):
        raise ValueError(
            f"no entry of the dictionary begins as the text does at byte {end}: {data[end : end + 8]!r}"
        )
    return ids[:written]
