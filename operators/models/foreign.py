"""Tokenizers of any other family, run by the `tokenizers` library behind the same interface."""

import itertools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.decode import check_known
from pairloom.operators.encode.decoding import Surfaces, UnknownDecoderError, read_surfaces
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models import Compiled, Entries, Located, Model, Read, TokenizerFile
from pairloom.operators.models._unremembering import Unremembering
from pairloom.operators.speeds import LIBRARY, Encoding
from pairloom.operators.text.front.located import Aligned
from pairloom.operators.vocabulary.tokens import TokenTable, check_distinct, check_ids, to_alphabet

if TYPE_CHECKING:
    from pairloom.operators.encode.library_locator import Locator

__all__ = ["Foreign", "ForeignTables", "of_library", "open_tokenizer", "read_fields"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foreign(Model):
    """A `tokenizer.json` that no model here reads: `data` are its bytes, `reason` says why."""

    name: ClassVar[str] = "foreign"
    encoding: ClassVar[Encoding] = LIBRARY
    by_words: ClassVar[bool] = False
    spells: ClassVar[bool] = False
    kernels: ClassVar[tuple[str, ...]] = ("encode.kernels:runs",)
    located: ClassVar[bool] = True

    data: bytes
    reason: str

    @property
    def identity(self) -> bytes:
        """The file."""
        return self.data

    @property
    def facts(self) -> dict[str, Any]:
        """Those of the first version of the format, which knew no models."""
        return {"ignore_merges": False, "ties_share_rank": False, "merges": 0}

    @property
    def slow(self) -> str | None:
        """By whom it is run, and why."""
        return f"run by the `tokenizers` library, because {self.reason}"

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """Any file that the library reads; raises RecipeError for another, and where the library is not installed.

        Tokens are spelled in UTF-8 as the file spells them; ids that are missing are empty tokens.
        """
        return Read(read_fields(file) | {"model": cls(data=file.data, reason=file.why)})

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """The file, as it was read."""
        return self.data

    def compiled(self, entries: Entries) -> Compiled:
        """The library's tokenizer; raises RecipeError where the library is not installed."""
        return ForeignTables(self, entries.dtype)


class ForeignTables(Unremembering):
    """A tokenizer of the library, that remembers what it will and serves all threads; pickled, it is the file that travels."""

    def __init__(self, model: Foreign, dtype: np.dtype[Any]) -> None:
        self._model, self._dtype = model, dtype
        self._tokenizer = open_tokenizer(model.data, model.reason)
        self._tokenizer.encode_special_tokens = True  # takes them for text; a flag is one for all threads
        self._special = {item.content for item in self.added.values() if item.special}

    def __reduce__(self) -> tuple[Any, ...]:
        return ForeignTables, (self._model, self._dtype)

    @cached_property
    def _parsing(self) -> Any:
        """Another, which finds special tokens in texts."""
        return open_tokenizer(self._model.data, self._model.reason)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an id."""
        return self._dtype

    @property
    def added(self) -> dict[int, Any]:
        """The library's added tokens, by id."""
        return dict(self._tokenizer.get_added_tokens_decoder())

    @cached_property
    def surfaces(self) -> "Surfaces | str":
        """What each id stands for, or why the library has to be asked, as "its decoder …"."""
        decoder = self._tokenizer.decoder
        state = None if decoder is None else json.loads(decoder.__getstate__())
        try:
            return read_surfaces(state, [self._tokenizer.id_to_token(i) for i in range(self._count)])
        except UnknownDecoderError as error:
            return str(error)

    @cached_property
    def _count(self) -> int:
        return max([*self._tokenizer.get_vocab(with_added_tokens=True).values(), *self.added], default=-1) + 1

    @property
    def normalizer(self) -> Any:
        """The library's normalizer, which raises DataError where it fails, or None."""
        found = self._tokenizer.normalizer
        return None if found is None else _Normalizer(found)

    @property
    def pretokenizer(self) -> Any:
        """The library's pretokenizer, or None."""
        return self._tokenizer.pre_tokenizer

    @property
    def model(self) -> dict[str, Any]:
        """The library's model as it read it: its numbers need not be the nearest to those of the file."""
        found: dict[str, Any] = json.loads(self._tokenizer.model.__getstate__())
        return found

    @staticmethod
    def build_normalizer(data: bytes) -> Any:
        """A normalizer of the library from its JSON."""
        from tokenizers.normalizers import Sequence as Normalizers

        found = Normalizers([])
        found.__setstate__(data)
        return found

    @staticmethod
    def build_aligner(data: bytes) -> Callable[[Sequence[str]], list[Aligned]]:
        """What normalizes texts by a normalizer of the library from its JSON, and says where each character is from."""
        from tokenizers import Tokenizer
        from tokenizers.models import BPE

        # Without merges, each character of normalized text is a token, of which the library says where it is from.
        each = Tokenizer(BPE({"?": 0}, [], unk_token="?", fuse_unk=False))  # noqa: S106  (a token, no password)
        each.normalizer = ForeignTables.build_normalizer(data)

        def align(texts: Sequence[str]) -> list[Aligned]:
            found = of_library("normalize this text", lambda: each.encode_batch(texts))
            made = of_library("normalize this text", lambda: list(map(each.normalizer.normalize_str, texts)))
            return [Aligned(text, row.offsets) for text, row in zip(made, found, strict=True)]

        return align

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """See `TextEncoder`; raises ValueError where some special tokens are `wanted` and others not."""
        strings = texts.to_pylist()
        if wanted and (others := self._special - set(wanted)):
            raise ValueError(
                f"a tokenizer that is {self._model.slow} parses all special tokens of a text or none: "
                f"{', '.join(sorted(others))} are not in allowed_special"
            )
        tokenizer = self._parsing if wanted else self._tokenizer
        found = of_library(
            "encode this text",
            lambda: tokenizer.encode_batch_fast([text or "" for text in strings], add_special_tokens=False),
        )
        nothing = np.zeros(0, np.uint32)
        rows = [
            nothing if text is None else np.concatenate([prepend, np.array(row.ids, np.uint32), append])
            for text, row in zip(strings, found, strict=True)
        ]
        lists = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return np.concatenate([nothing, *rows]).astype(self._dtype), lists

    def locate_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
        special: pa.LargeListArray | None = None,
        special_ids: Mapping[str, int] = {},
    ) -> Located:
        """See `LocatingEncoder`: all by the library, whose offsets these are."""
        return self._locator.locate(texts, wanted, (prepend, append), special, special_ids)

    @cached_property
    def _locator(self) -> "Locator":
        from pairloom.operators.encode.library_locator import Locator

        return Locator(self._model.data, self._model.reason, self._dtype)

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text that ids stand for, in UTF-8, special tokens included; it need not be the text that was encoded.

        Raises DataError for an id outside the vocabulary.
        """
        if isinstance(self.surfaces, Surfaces):
            return self.surfaces.decode(values, offsets)
        check_known(values, self._count)
        return self.decode_by_library(values, offsets)

    def decode_by_library(
        self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]
    ) -> pa.LargeBinaryArray:
        """The text that the library makes of ids."""
        bounds = itertools.pairwise(offsets.tolist())
        texts = [self._tokenizer.decode(values[a:b].tolist(), skip_special_tokens=False) for a, b in bounds]
        return pa.array([text.encode() for text in texts], pa.large_binary())


class _Normalizer:
    """A normalizer of the library: a pattern of it may be given up on some text."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def normalize_str(self, text: str) -> str:
        """What the library makes of a text."""
        made: str = of_library("normalize this text", lambda: self._found.normalize_str(text))
        return made


def read_fields(file: TokenizerFile) -> dict[str, Any]:
    """The fields of a Vocabulary of any file that the library reads, but for the model; see `Foreign.read`."""
    _check_unknown(file.document["model"])
    _check_ids_differ(file.document["model"].get("vocab"))
    tokenizer = open_tokenizer(file.data, file.why)
    words = tokenizer.get_vocab(with_added_tokens=True)
    items = dict(sorted(tokenizer.get_added_tokens_decoder().items()))
    if tokenizer.normalizer is not None:
        alike = [item.content for item in items.values() if item.normalized]
        made = of_library(
            "normalize its added tokens", lambda: list(map(tokenizer.normalizer.normalize_str, alike))
        )
        if "" in made:
            raise DataError(
                f"this tokenizer.json has an added token that its normalizer makes nothing of, {alike[made.index('')]!a}: set "
                "normalized to false in it, or remove it"
            )
        check_distinct(dict(zip(alike, made, strict=True)))
    size = max([*words.values(), *items], default=-1) + 1
    check_ids(size, len(words))
    tokens = [b""] * size
    for word, token in words.items():
        tokens[token] = word.encode()
    added = {token: item.content for token, item in items.items()}
    for token, content in added.items():
        tokens[token] = content.encode()
    return {
        "tokens": TokenTable.of(tokens),
        "special_tokens": tuple(added.values()),
        "special_ids": tuple(added),
        "plain_tokens": tuple(item.content for item in items.values() if not item.special),
    }


def _check_ids_differ(words: Any) -> None:
    """Raise DataError where two tokens of a vocabulary have one id, of which the library forgets one."""
    if not isinstance(words, dict) or len(set(words.values())) == len(words):
        return
    first: dict[int, str] = {}
    for word, i in words.items():
        if (other := first.setdefault(i, word)) != word:
            raise DataError(
                f"this tokenizer.json is damaged: model.vocab: {other!a} and {word!a} both have the id {i}"
            )


def _check_unknown(model: Mapping[str, Any]) -> None:
    """Raise DataError where the token for what no other token spells is none, which the library says with the first such text."""
    unknown, words = model.get("unk_token"), model.get("vocab", ())
    if isinstance(words, dict):
        if unknown is not None and unknown not in words and not _spells_all(model, words):
            raise DataError(
                f"this tokenizer.json is damaged: model.unk_token: {unknown!r} is no token of model.vocab"
            )
        return
    of_pieces = model.get("type") == "Unigram" and isinstance(words, list)
    if of_pieces and model.get("unk_id") is None and not _spells_all(model, {piece for piece, _ in words}):
        raise DataError(
            "this tokenizer.json is damaged: model.unk_id is missing, and a Unigram cannot encode a character that is no token "
            "without it: set it to the place in model.vocab of the piece for what is unknown"
        )


def _spells_all(model: Mapping[str, Any], words: Collection[str]) -> bool:
    """Whether no text has anything unknown: the bytes of a ByteLevel pretokenizer are tokens, or those of a BPE to fall back to.

    The library's Unigram wants its unknown piece before it falls back; a word of WordLevel, and what goes on a WordPiece with a
    prefix, may be unknown whatever its first character is.
    """
    kind = model.get("type")
    if kind == "WordLevel" or (kind == "WordPiece" and model.get("continuing_subword_prefix", "##")):
        return False
    if kind in (None, "BPE") and model.get("byte_fallback"):
        return all(f"<0x{byte:02X}>" in words for byte in range(256))
    return all(to_alphabet(bytes([byte])) in words for byte in range(256))


def open_tokenizer(data: bytes, why: str) -> Any:
    """A `tokenizers.Tokenizer` of a `tokenizer.json`; raises RecipeError where the library is not installed."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise RecipeError(
            f"this tokenizer.json needs the `tokenizers` library, because {why}; pip install 'pairloom[hf]'"
        ) from error
    tokenizer = of_library("read this tokenizer.json", lambda: Tokenizer.from_str(data.decode()))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def of_library(what: str, call: Callable[[], Any]) -> Any:
    """What the library returns; raises DataError where it fails, or panics, as it does on some damaged files."""
    try:
        return call()
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        why = " ".join(str(error).split())
        raise DataError(
            f"`tokenizers` cannot {what}: {why if len(why) <= 300 else why[:297] + '…'}"
        ) from error
