"""The vocabulary: the value that every stage agrees on."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.operators.models import Model
from pairloom.operators.room import needing_room
from pairloom.operators.schema import dtype_for
from pairloom.operators.shown import Shown
from pairloom.operators.speeds import Encoding
from pairloom.operators.text.arrays import TextArray
from pairloom.operators.text.normalize import NORMALIZERS, normalizer_identity
from pairloom.operators.text.pretokenize import UNICODE_VERSION, Pretokenizer
from pairloom.operators.vocabulary.files import stands_alone, vocabulary_file
from pairloom.operators.vocabulary.golden import GOLDEN
from pairloom.operators.vocabulary.tokenizer_json import READING_FAILED, read_tokenizer_json
from pairloom.operators.vocabulary.tokens import TokenTable, byte_order

__all__ = ["Vocabulary", "byte_order"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False, weakref_slot=True)
class Vocabulary(Shown):
    """Tokens, special tokens, normalizer, pretokenizer, and the model that makes tokens of words.

    `tokens[id]` is the token's bytes (of a special token, its text); an empty token is an id that nothing encodes to.
    `special_tokens[i]` has the id `special_ids[i]` (by default the first ids): no text encodes to it unless asked to. But
    `plain_tokens` are those of them that are found in any text (and that decoding with `skip_special_tokens` in `transformers`
    keeps), `late_tokens` those that are looked for in normalized text, after the others, and `text_ids` the ids of those that
    are tokens of the model as well, so that words may encode to them. `post_processor` is carried along for `transformers`
    (JSON) and never run. `fingerprint` is the SHA-256, in hexadecimal, of everything that decides an id, which the
    post-processor does not.

    Two vocabularies are equal when their fingerprints are: when they encode everything the same way. What encodes with one is a
    `Tokenizer`; `encode` and `decode` use one that is made when they are first called.
    """

    tokens: Sequence[bytes]
    model: Model
    special_tokens: tuple[str, ...] = ()
    special_ids: tuple[int, ...] = ()
    plain_tokens: tuple[str, ...] = ()
    late_tokens: tuple[str, ...] = ()
    text_ids: tuple[int, ...] = ()
    pretokenizer: Pretokenizer = field(default_factory=Pretokenizer)
    normalizer: str = "none"
    post_processor: str = ""
    fingerprint: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("tokens", TokenTable.of(self.tokens))
        put("special_tokens", tuple(self.special_tokens))
        put("special_ids", tuple(self.special_ids) or tuple(range(len(self.special_tokens))))
        put("plain_tokens", tuple(self.plain_tokens))
        put("late_tokens", tuple(self.late_tokens))
        put("text_ids", tuple(self.text_ids))
        if self.normalizer not in NORMALIZERS:
            raise ValueError(f"unknown normalizer {self.normalizer!r}; known: {', '.join(NORMALIZERS)}")
        self.model.check(self)
        if len(self.special_ids) != len(self.special_tokens) or len(set(self.special_ids)) != len(
            self.special_ids
        ):
            raise ValueError(f"{len(self.special_tokens)} special tokens have ids {self.special_ids}")
        for token, i in zip(self.special_tokens, self.special_ids, strict=True):
            if not token or not 0 <= i < len(self.tokens) or self.tokens[i] != token.encode():
                raise ValueError(f"special token {token!r} is not the token of id {i}")
        if wrong := {*self.plain_tokens, *self.late_tokens} - set(self.special_tokens):
            raise ValueError(f"{', '.join(map(repr, sorted(wrong)))} is plain or late, but no special token")
        if not set(self.text_ids) <= set(self.special_ids):
            raise ValueError(f"text_ids {self.text_ids} are not all ids of special tokens")
        put("fingerprint", self._fingerprint())

    def __len__(self) -> int:
        return len(self.tokens)

    def _shown(self) -> tuple[str, dict[str, str]]:
        facts = {
            "model": self.model.name,
            "pretokenizer": " ".join(map(str, filter(None, self.pretokenizer.identity))),
            "normalizer": self.normalizer,
            "special tokens": f"{len(self.special_tokens):,}",
            "fingerprint": self.fingerprint[:12],
        }
        return f"Vocabulary of {len(self):,} tokens", facts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The narrowest of uint16 and uint32 that holds every id."""
        return dtype_for(len(self.tokens))

    @property
    def slow_path(self) -> str | None:
        """Why encoding is slow, where it is: the model is another library's, or the pattern is nobody's scheme."""
        if self.model.slow is not None:
            return self.model.slow
        if self.pretokenizer.pattern is not None:
            pattern = self.pretokenizer.pattern
            from pairloom.operators.text.pretokenize.patterns import is_translated

            library = "regex" if is_translated(pattern) else "tokenizers"
            return f"pretokenized by the `{library}` library, because no scheme has the pattern {pattern!r}"
        return None

    @property
    def encoding(self) -> Encoding:
        """What text takes by it: as its family says, but where a library or a pattern of its own has a part in it."""
        found = self.model.encoding if self.model.slow is None else self.model.encoding.by_library()
        return found.cut_by(self.pretokenizer.pattern)

    @property
    def added_ids(self) -> tuple[int, ...]:
        """The ids of the special tokens that are no tokens of the model, so that no word encodes to them."""
        both = set(self.text_ids)
        return tuple(i for i in self.special_ids if i not in both)

    @property
    def reserved_tokens(self) -> tuple[str, ...]:
        """The special tokens that are not plain: what spells one stays text unless it is asked for."""
        plain = set(self.plain_tokens)
        return tuple(token for token in self.special_tokens if token not in plain)

    @property
    def reserved_ids(self) -> tuple[int, ...]:
        """The ids that text has only where special tokens in it are asked for."""
        free = {*self.text_ids, *(self.special_id(token) for token in self.plain_tokens)}
        return tuple(i for i in self.special_ids if i not in free)

    def special_id(self, token: str) -> int:
        """The id of a special token; raises KeyError for any other."""
        if token not in self.special_tokens:
            raise KeyError(
                f"{token!r} is no special token; there are: {', '.join(self.special_tokens) or 'none'}"
            )
        return self.special_ids[self.special_tokens.index(token)]

    def token_to_id(self, token: bytes) -> int:
        """The id of an ordinary token; raises KeyError where there is none."""
        special = set(self.added_ids)
        for found in TokenTable.of(self.tokens).places(token):
            if token and found not in special:
                return found
        raise KeyError(token)

    def to_json(self) -> bytes:
        """The `tokenizer.json` of this vocabulary, canonical bytes."""
        return self.model.write(
            self, lambda: [list(pair) for pair in zip(GOLDEN, self._golden(GOLDEN), strict=True)]
        )

    @classmethod
    def from_json(cls, data: bytes) -> "Vocabulary":
        """Read a `tokenizer.json`, by the first model that takes it; see `tokenizer_json.py`.

        Raises DataError for a damaged file, CorruptionError where a golden document no longer has the ids that were
        written with it, RecipeError where a library that the file needs is missing.
        """
        fields, golden = read_tokenizer_json(data)
        try:
            vocabulary = cls(**fields)
        except READING_FAILED as error:
            raise DataError(f"this tokenizer.json is damaged: {error}") from error
        rows = vocabulary._golden([text for text, _ in golden]) if golden else []
        for (text, ids), row in zip(golden, rows, strict=True):
            if row != ids:
                at = next(
                    (i for i, (a, b) in enumerate(zip(row, ids, strict=False)) if a != b),
                    min(len(row), len(ids)),
                )
                raise CorruptionError(
                    f"the golden document {text!r} encodes to {len(row)} tokens, from token {at} on {row[at : at + 5]}, and not "
                    f"to {len(ids)}, from there on {ids[at : at + 5]}, as written with the vocabulary: "
                    "the file was changed, or this version of the encoder is at fault"
                )
        return vocabulary

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read a vocabulary from a local file, or from a folder that holds one (`files.py` says which); errors name it."""
        file = Path(path)
        folder = file if file.is_dir() else file.parent
        wanted = None if file.is_dir() else file.name
        names = [] if wanted and stands_alone(wanted) else _listed(folder)
        if wanted is None and "tokenizer.json" in names:
            file /= "tokenizer.json"
        try:
            return cls.from_json(vocabulary_file(names, lambda name: (folder / name).read_bytes(), wanted))
        except (DataError, RecipeError, CorruptionError) as error:
            raise type(error)(f"{file}: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write a `tokenizer.json` that `tokenizers` and `transformers` load."""
        with needing_room(Path(path).parent):
            Path(path).write_bytes(self.to_json())

    def encode(
        self,
        texts: TextArray,
        *,
        prepend: Sequence[int] = (),
        append: Sequence[int] = (),
        special_tokens_in_text: str = "text",
        allowed_special: Collection[str] = (),
        missing_bytes: str = "error",
        offsets: bool | str = False,
    ) -> Any:
        """The ids of every document, `prepend` before and `append` after each, as LargeList<uint16 | uint32>.

        A null document gives a null list. `special_tokens_in_text` is "text" (what spells a special token is
        ordinary text), "parse" (it becomes the special token, the leftmost and longest first) or "error"
        (ValueError); but the special tokens in `allowed_special` are always parsed. With `offsets`, returns (ids, ends):
        `ends` is LargeList<int64>, where each token ends in its decoded document (in the document itself, of models whose tokens
        do not spell it), in bytes, or with "characters" in characters, of which one that a token has only a part of counts; what
        is put around a document has no length. Raises
        ValueError for a binary column that is not UTF-8 and for an id outside the vocabulary, DataError for a byte without a
        token (`missing_bytes="drop"` leaves it out).
        """
        return self._tokenizer().encode(
            texts,
            prepend=prepend,
            append=append,
            special_tokens_in_text=special_tokens_in_text,
            allowed_special=allowed_special,
            missing_bytes=missing_bytes,
            offsets=offsets,
        )

    def encode_one(
        self, text: str, *, special_tokens_in_text: str = "text", allowed_special: Collection[str] = ()
    ) -> npt.NDArray[Any]:
        """The ids of one string."""
        ids: npt.NDArray[Any] = self._tokenizer().encode_one(
            text, special_tokens_in_text=special_tokens_in_text, allowed_special=allowed_special
        )
        return ids

    def decode(self, ids: Any, *, skip_special_tokens: bool = False) -> Any:
        """The bytes that ids stand for: of a sequence or column of ids, bytes; of a column of lists, a LargeBinaryArray."""
        return self._tokenizer().decode(ids, skip_special_tokens=skip_special_tokens)

    def _tokenizer(self) -> Any:
        # Imported here: a vocabulary is read, compared and written without the kernels that encode.
        from pairloom.operators.encode.tokenizer import tokenizer_of

        return tokenizer_of(self)

    def _golden(self, texts: Sequence[str]) -> list[list[int]]:
        tokenizer = self._tokenizer()
        encoder = tokenizer.encoder(remembering=False, table_bytes=0)
        encoded = tokenizer.encode_column(
            pa.array(texts, pa.large_string()), encoder=encoder, missing_bytes="drop"
        )
        rows: list[list[int]] = encoded.ids.to_pylist()
        return rows

    def _fingerprint(self) -> str:
        head = {
            "special": [list(pair) for pair in zip(self.special_ids, self.special_tokens, strict=True)],
            "pretokenizer": [*self.pretokenizer.identity, UNICODE_VERSION],
            "normalizer": normalizer_identity(self.normalizer),
            "tokens": len(self.tokens),
        }
        # Vocabularies without such have the fingerprints that they had before there were any.
        for name in ("plain_tokens", "late_tokens", "text_ids"):
            if found := getattr(self, name):
                head[name] = sorted(found)
        table = TokenTable.of(self.tokens)
        digest = hashlib.sha256(json.dumps(head | self.model.facts, sort_keys=True).encode())
        for array in (table.offsets.astype("<i8"), table.data):
            digest.update(array.tobytes())
        digest.update(self.model.identity)
        return digest.hexdigest()


def _listed(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]
