"""The vocabulary: the value that every stage agrees on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.encode import TABLE_BYTES, Encoder
from pairloom.operators.encode.columns import decode_column, encode_column, find_special
from pairloom.operators.encode.memo import Memo
from pairloom.operators.encode.special import SpecialFinder
from pairloom.operators.errors import CorruptionError
from pairloom.operators.models.bpe.joins import JoinTable
from pairloom.operators.models.bpe.word import PairTable
from pairloom.operators.models.foreign import open_foreign
from pairloom.operators.schema import dtype_for
from pairloom.operators.text.arrays import TextArray, text_of
from pairloom.operators.text.normalize import NORMALIZERS
from pairloom.operators.text.pretokenize import UNICODE_VERSION, Pretokenizer
from pairloom.operators.vocabulary.golden import GOLDEN
from pairloom.operators.vocabulary.tiktoken_file import read_tiktoken, write_tiktoken
from pairloom.operators.vocabulary.tokenizer_json import read_tokenizer_json, write_tokenizer_json
from pairloom.operators.vocabulary.tokens import TokenTable, byte_order

__all__ = ["Vocabulary", "byte_order"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vocabulary:
    """Tokens, merges, pretokenizer, normalizer and special tokens, with the encoder that they define.

    `tokens[id]` is the token's bytes (of a special token, its text); an empty token is an id that nothing encodes to.
    `merges` is int32[m, 2], the ids of left and right in the order of their ranks; the product of a merge is the
    token that spells both. `special_tokens[i]` has the id `special_ids[i]` (by default the first ids): no text
    encodes to it unless asked to. `plain_tokens` are those of them that decoding with `skip_special_tokens` in
    `transformers` keeps. With `ignore_merges`, a word that is a token takes its id whatever the merges say. With
    `ties_share_rank`, merges that follow each other and make the same token are applied leftmost first, as tiktoken
    does. `post_processor` is carried along for `transformers` (JSON) and never run. `memo` holds words that are
    encoded already (`with_memo`).

    Two vocabularies are equal when their fingerprints are: when they encode everything the same way.
    """

    tokens: Sequence[bytes]
    merges: npt.NDArray[np.int32]
    special_tokens: tuple[str, ...] = ()
    special_ids: tuple[int, ...] = ()
    plain_tokens: tuple[str, ...] = ()
    pretokenizer: Pretokenizer = field(default_factory=Pretokenizer)
    normalizer: str = "none"
    ignore_merges: bool = False
    ties_share_rank: bool = False
    post_processor: str = ""
    memo: Memo | None = None
    foreign: bytes | None = None
    foreign_reason: str = ""
    _derived: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("tokens", TokenTable.of(self.tokens))
        merges = np.ascontiguousarray(self.merges, dtype=np.int32).reshape(-1, 2).view()
        merges.flags.writeable = False
        put("merges", merges)
        put("special_tokens", tuple(self.special_tokens))
        put("special_ids", tuple(self.special_ids) or tuple(range(len(self.special_tokens))))
        if self.normalizer not in NORMALIZERS:
            raise ValueError(f"unknown normalizer {self.normalizer!r}; known: {', '.join(NORMALIZERS)}")
        if len(merges) and not 0 <= int(merges.min()) <= int(merges.max()) < len(self.tokens):
            raise ValueError(f"a merge names an id outside 0..{len(self.tokens) - 1}")
        if len(self.special_ids) != len(self.special_tokens) or len(set(self.special_ids)) != len(
            self.special_ids
        ):
            raise ValueError(f"{len(self.special_tokens)} special tokens have ids {self.special_ids}")
        for token, i in zip(self.special_tokens, self.special_ids, strict=True):
            if not token or not 0 <= i < len(self.tokens) or self.tokens[i] != token.encode():
                raise ValueError(f"special token {token!r} is not the token of id {i}")

    def __reduce__(self) -> tuple[Any, ...]:
        names = [name for name in self.__dataclass_fields__ if name != "_derived"]
        travelling = ("pairs", "joins", "memo") if self._derived.get("prepared") else ()
        tables = {name: self._derived[name] for name in travelling if name in self._derived}
        return _rebuild, ({name: getattr(self, name) for name in names}, tables)

    def __len__(self) -> int:
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The narrowest of uint16 and uint32 that holds every id."""
        return dtype_for(len(self.tokens))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides an id, in hexadecimal; the memo and the post-processor do not."""
        if "fingerprint" not in self._derived:
            head = {
                "special": [list(pair) for pair in zip(self.special_ids, self.special_tokens, strict=True)],
                "pretokenizer": [*self.pretokenizer.identity, UNICODE_VERSION],
                "normalizer": self.normalizer,
                "ignore_merges": self.ignore_merges,
                "ties_share_rank": self.ties_share_rank,
                "tokens": len(self.tokens),
                "merges": len(self.merges),
            }
            table = TokenTable.of(self.tokens)
            digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
            for array in (table.offsets.astype("<i8"), table.data, self.merges.astype("<i4")):
                digest.update(array.tobytes())
            digest.update(self.foreign or b"")
            self._derived["fingerprint"] = digest.hexdigest()
        return str(self._derived["fingerprint"])

    @property
    def slow_path(self) -> str | None:
        """Why encoding is slow, where it is: the file needs another library, or the pattern is nobody's scheme."""
        if self.foreign is not None:
            return f"run by the `tokenizers` library, because {self.foreign_reason}"
        if self.pretokenizer.pattern is not None:
            pattern = self.pretokenizer.pattern
            return f"pretokenized by the `regex` library, because no scheme has the pattern {pattern!r}"
        return None

    def special_id(self, token: str) -> int:
        """The id of a special token; raises KeyError for any other."""
        if token not in self.special_tokens:
            raise KeyError(
                f"{token!r} is no special token; there are: {', '.join(self.special_tokens) or 'none'}"
            )
        return self.special_ids[self.special_tokens.index(token)]

    def token_to_id(self, token: bytes) -> int:
        """The id of an ordinary token; raises KeyError where there is none."""
        return self._index[token]

    def to_json(self) -> bytes:
        """The `tokenizer.json` of this vocabulary, canonical bytes."""
        if self.foreign is not None:
            return self.foreign
        rows = self._golden(list(GOLDEN))
        return write_tokenizer_json(self, [list(pair) for pair in zip(GOLDEN, rows, strict=True)])

    @classmethod
    def from_json(cls, data: bytes) -> "Vocabulary":
        """Read a `tokenizer.json`; see `tokenizer_json.py` for which.

        Raises DataError for a damaged file, CorruptionError where a golden document no longer has the ids that were
        written with it, RecipeError where a library that the file needs is missing.
        """
        fields, golden = read_tokenizer_json(data)
        vocabulary = cls(**fields)
        rows = vocabulary._golden([text for text, _ in golden]) if golden else []
        for (text, ids), row in zip(golden, rows, strict=True):
            if row != ids:
                raise CorruptionError(
                    f"the golden document {text!r} encodes to {row} and not to {ids} as written with the vocabulary: "
                    "the file was changed, or this version of the encoder is at fault"
                )
        return vocabulary

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read a `tokenizer.json` from a local file."""
        return cls.from_json(Path(path).read_bytes())

    def save(self, path: str | Path) -> None:
        """Write a `tokenizer.json` that `tokenizers` and `transformers` load."""
        Path(path).write_bytes(self.to_json())

    @classmethod
    def from_tiktoken(
        cls, path: str | Path, *, scheme: str = "cl100k", special_tokens: Mapping[str, int] | None = None
    ) -> "Vocabulary":
        """Read a `.tiktoken` file of ranks, with the special tokens' ids; encodes exactly as tiktoken does."""
        return cls(
            **read_tiktoken(Path(path).read_bytes(), special_tokens or {}),
            pretokenizer=Pretokenizer(scheme=scheme),
        )

    def save_tiktoken(self, path: str | Path) -> None:
        """Write the tokens as a `.tiktoken` file; raises RecipeError where tiktoken would give other ids."""
        Path(path).write_bytes(write_tiktoken(self))

    def with_memo(self, counts: WordCounts, limit: int = 1 << 20) -> "Vocabulary":
        """The same vocabulary with its `limit` most frequent words (equal counts by bytes) encoded already.

        Takes about half a microsecond a word. A vocabulary that another library encodes stays as it is.
        """
        if self.foreign is not None:
            return self
        order = np.argsort(-counts.counts, kind="stable")[:limit]
        words = text_of(counts.words.take(pa.array(order)))
        low, high = int(words.offsets[0]), int(words.offsets[-1])
        memo = self._memorized(TokenTable(words.data[low:high], words.offsets - low))
        made = replace(self, memo=memo)
        made._derived.update(pairs=self._pairs, joins=self._joins)
        return made

    def prepared(self) -> "Vocabulary":
        """An equal vocabulary whose tables for encoding are built and travel with it when it is pickled.

        Building takes half a second for 32,000 tokens; whoever unpickles it has them as they are, or mapped.
        """
        made = replace(self)
        if self.foreign is None:
            made._derived.update(pairs=self._pairs, joins=self._joins, prepared=True)
            if self.memo is None:
                made._derived["memo"] = self._own_memo
        return made

    def encoder(self, *, table_bytes: int = TABLE_BYTES) -> Encoder:
        """A new encoder with tables of its own; see `Encoder` for the memory that it takes."""
        return self._encoder(self.memo or self._own_memo, table_bytes)

    def encode(
        self,
        texts: TextArray,
        *,
        prepend: Sequence[int] = (),
        append: Sequence[int] = (),
        special_tokens_in_text: str = "text",
        missing_bytes: str = "error",
        offsets: bool = False,
    ) -> Any:
        """The ids of every document, `prepend` before and `append` after each, as LargeList<uint16 | uint32>.

        A null document gives a null list. `special_tokens_in_text` is "text" (what spells a special token is
        ordinary text), "parse" (it becomes the special token, the leftmost and longest first) or "error"
        (ValueError). With `offsets`, returns (ids, ends): `ends` is LargeList<int64>, where each token ends in its
        decoded document; what is put around a document has no length. Raises ValueError for a binary column that is
        not UTF-8 and for an id outside the vocabulary, DataError for a byte without a token (`missing_bytes="drop"`
        leaves it out).
        """
        ids, ends, *_ = encode_column(
            self,
            texts,
            prepend=prepend,
            append=append,
            special_tokens_in_text=special_tokens_in_text,
            missing_bytes=missing_bytes,
            offsets=offsets,
        )
        return (ids, ends) if offsets else ids

    def encode_one(self, text: str, *, special_tokens_in_text: str = "text") -> npt.NDArray[Any]:
        """The ids of one string."""
        rows = self.encode(pa.array([text], pa.large_string()), special_tokens_in_text=special_tokens_in_text)
        ids: npt.NDArray[Any] = rows.values.to_numpy(zero_copy_only=False)
        return ids

    def find_special_tokens(self, texts: TextArray) -> pa.BooleanArray:
        """Which documents spell a special token; null for a null document."""
        return find_special(self, texts)

    def decode(self, ids: Any) -> Any:
        """The bytes that ids stand for: of a sequence or column of ids, bytes; of a column of lists, a LargeBinaryArray."""
        return decode_column(self, ids)

    def _encoder(self, memo: Memo | None, table_bytes: int) -> Encoder:
        return Encoder(
            pairs=self._pairs,
            joins=self._joins,
            pretokenizer=self.pretokenizer,
            dtype=self.dtype,
            memo=memo,
            table_bytes=table_bytes,
        )

    def _memorized(self, words: TokenTable) -> Memo:
        encoder = self._encoder(None, TABLE_BYTES)
        encoder.remember(words)
        return encoder.memo()

    @property
    def _own_memo(self) -> Memo:
        # Without counts, the vocabulary's own tokens are the words to expect.
        if "memo" not in self._derived:
            special = set(self.special_ids)
            words = TokenTable.of(t for i, t in enumerate(self.tokens) if t and i not in special)
            self._derived["memo"] = self._memorized(words)
        memo: Memo = self._derived["memo"]
        return memo

    def _golden(self, texts: list[str]) -> list[list[int]]:
        encoder = self._encoder(None, 0)
        encoded = encode_column(
            self, pa.array(texts, pa.large_string()), encoder=encoder, missing_bytes="drop"
        )
        rows: list[list[int]] = encoded.ids.to_pylist()
        return rows

    @property
    def _index(self) -> dict[bytes, int]:
        # Ordinary tokens only: no text may reach a special token by merges.
        if "index" not in self._derived:
            special = set(self.special_ids)
            index: dict[bytes, int] = {}
            for i, token in enumerate(self.tokens):
                if token and i not in special and index.setdefault(token, i) != i:
                    raise ValueError(f"tokens {index[token]} and {i} are both {token!r}")
            self._derived["index"] = index
        found: dict[bytes, int] = self._derived["index"]
        return found

    @property
    def _pairs(self) -> PairTable:
        if "pairs" not in self._derived:
            index, special = self._index, {token.encode() for token in self.special_tokens}
            tokens = list(self.tokens)
            products = np.empty(len(self.merges), np.int64)
            for rank, (left, right) in enumerate(self.merges.tolist()):
                product = index.get(tokens[left] + tokens[right])
                if product is None and tokens[left] + tokens[right] not in special:
                    raise ValueError(
                        f"merge {rank} makes {tokens[left] + tokens[right]!r}, which is no token"
                    )
                products[rank] = -1 if product is None else product
            whole = None
            if self.ignore_merges:
                whole = np.ones(len(tokens), np.bool_)
                whole[list(self.special_ids)] = False
            self._derived["pairs"] = PairTable.of(
                np.array([index.get(bytes([byte]), -1) for byte in range(256)], np.int64),
                self.merges,
                products,
                ties_share_rank=self.ties_share_rank,
                tokens=TokenTable.of(self.tokens),
                whole_words=whole,
            )
        pairs: PairTable = self._derived["pairs"]
        return pairs

    @property
    def _joins(self) -> JoinTable | None:
        if "joins" not in self._derived:
            whole = self.pretokenizer.scheme in ("none", "superwords") and self.pretokenizer.pattern is None
            self._derived["joins"] = JoinTable.of(self._pairs, self.merges, whole=whole)
        joins: JoinTable | None = self._derived["joins"]
        return joins

    @property
    def _special_finder(self) -> SpecialFinder:
        if "special" not in self._derived:
            self._derived["special"] = SpecialFinder(self.special_tokens, self.special_ids)
        finder: SpecialFinder = self._derived["special"]
        return finder

    @property
    def _tokenizer(self) -> Any:
        if "tokenizer" not in self._derived:
            self._derived["tokenizer"] = open_foreign(self.foreign or b"", self.foreign_reason)
        return self._derived["tokenizer"]

    @property
    def _encoders(self) -> list[Encoder]:
        # Encoders at rest. Taking one out and putting it back are atomic, so that threads never share one.
        encoders: list[Encoder] = self._derived.setdefault("encoders", [])
        return encoders


def _rebuild(fields: dict[str, Any], tables: dict[str, Any]) -> Vocabulary:
    vocabulary = Vocabulary(**fields)
    vocabulary._derived.update(tables)
    return vocabulary
