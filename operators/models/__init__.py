"""Tokenizer families: how text becomes tokens, and how such a model is learned.

A family is a class derived from `Model`, in a file or a folder of its own here, or brought by an entry point of the group
`pairloom.models`. It says everything about itself: which `tokenizer.json` it reads and how it writes one, what of it decides
ids, how it is laid out for encoding, and what may be asked of it. `MODELS` finds it by name; nothing else lists it.

A family that encodes word by word gives one kernel for a word and the tables that the kernel reads (`encode/words.py`), and has
the table of words, the memo, offsets, special tokens, columns and threads from there. One that encodes whole texts its own way
gives an object with the three methods of `Compiled`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.registry import Registry
from pairloom.operators.speeds import BYTE_LEVEL, Encoding
from pairloom.operators.text.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "MODELS",
    "Compiled",
    "Entries",
    "Located",
    "LocatingEncoder",
    "Model",
    "OtherModelError",
    "Read",
    "ScoredPieces",
    "TextEncoder",
    "TokenizerFile",
]


class OtherModelError(Exception):
    """A `tokenizer.json` is not of the family that was asked to read it; the message says why, as "its model …"."""


class TokenizerFile(NamedTuple):
    """A `tokenizer.json`: its bytes, what they hold, and why no model that was asked before reads it, as "its model …"."""

    data: bytes
    document: Mapping[str, Any]
    why: str


class Read(NamedTuple):
    """What a `tokenizer.json` holds: the fields of a Vocabulary, `model` among them, and golden documents as [text, ids]."""

    fields: dict[str, Any]
    golden: Sequence[Sequence[Any]] = ()


class ScoredPieces(NamedTuple):
    """The pieces of a Unigram by id, with U+2581 for spaces, None for those that are no text of their own, and their scores."""

    texts: list[str | None]
    scores: list[float]


class Entries(Protocol):
    """What a model is told of the vocabulary that it belongs to; a Vocabulary is one."""

    @property
    def tokens(self) -> Sequence[bytes]:
        """The bytes of each token."""

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens."""

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Their ids."""

    @property
    def plain_tokens(self) -> tuple[str, ...]:
        """Those of them that are found in any text, and that decoding without special tokens keeps."""

    @property
    def late_tokens(self) -> tuple[str, ...]:
        """Those of them that are looked for in normalized text, after the others."""

    @property
    def text_ids(self) -> tuple[int, ...]:
        """The ids of those of them that are tokens of the model as well."""

    @property
    def added_ids(self) -> tuple[int, ...]:
        """The ids of all others of them, to which the model makes no word."""

    @property
    def pretokenizer(self) -> Pretokenizer:
        """What cuts text into words."""

    @property
    def normalizer(self) -> str:
        """What is done to text first."""

    @property
    def post_processor(self) -> str:
        """JSON for `transformers`."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an id."""

    def __len__(self) -> int:
        """How many tokens there are."""


class TextEncoder(Protocol):
    """Encodes texts, for one thread at a time."""

    @property
    def statistics(self) -> Mapping[str, int]:
        """Of the last texts: `lookups`, how many words they had, and `unknown`, how many of these the memo had not."""

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """The ids of all texts (an Arrow array of strings) one after another, and where each text's begin.

        The latter is int64, one more than texts. A null text has no ids, not even those around it. What spells a plain
        token becomes it, and what spells a special one where it is `wanted`.
        """


class Located(NamedTuple):
    """The ids of texts, flat, where those of each begin (int64, one more than texts), and of each token where it is from.

    That is from byte `begin` to byte `end` of its text, as it was given, and in the word with the number `words`, from 0 on in
    each text; int64. Tokens that were put around a text are at its beginning or at its last token's end, and in the word -1.
    """

    values: npt.NDArray[Any]
    lists: npt.NDArray[np.int64]
    begin: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    words: npt.NDArray[np.int64]


class LocatingEncoder(TextEncoder, Protocol):
    """The encoder of a model that is `located`."""

    def locate_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
        special: pa.LargeListArray | None = None,
        special_ids: Mapping[str, int] = ...,
    ) -> Located:
        """As `encode_texts`, and where each token is from; `special` are spans that are special tokens (`special_spans_of`)."""


class Compiled(Protocol):
    """The tables of a vocabulary, laid out for encoding: shared by all encoders, read-only, and picklable."""

    def encoder(self, *, memo: Any = None, table_bytes: int = ...) -> TextEncoder:
        """A new encoder, that begins with `memo` and may take about `table_bytes` for what it remembers."""

    def memorized(self, words: Sequence[bytes]) -> Any:
        """A memo of words, best first: what encoders may begin with; None where they remember nothing."""

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The bytes that each list of ids stands for; raises DataError for an id outside the vocabulary."""


class Model(ABC):
    """A tokenizer family, with what a vocabulary of it has besides its tokens: a plain frozen value.

    `name` is the file or entry point that defines it. `types` are the values of `model.type` in a `tokenizer.json` that it
    reads; a model without any is asked last, and reads what no other does.

    What may be asked of it: with `by_words`, text is encoded word by word as the pretokenizer cuts it, so that words can be
    counted, tallied and remembered. With `spells`, the bytes of the tokens of a text, put together, are the text, so that
    decoding gives it back and every token has a place in it; where they are not, but its encoders are `LocatingEncoder`, it is
    `located`. With `takes_text`, every text can be encoded. With `opened`, its
    `tokenizer.json` is one that `tokenizers` opens. `merges` are the pairs that make tokens, in the order of their ranks, of the
    families that have such. `encoding` is what text takes by it. `kernels` are places below `pairloom.operators` that runs
    without such a vocabulary have no use for.

    What other libraries have of it: `piece_file` is the `.model` of SentencePiece that a vocabulary was read from; of a family that
    is `as_pieces`, most vocabularies have one that `piece_model` makes. `nearest_gguf` is the model of llama.cpp that is most like
    the family, and what that has otherwise: an error says so.
    """

    __slots__ = ()

    name: ClassVar[str]
    types: ClassVar[tuple[str, ...]] = ()
    by_words: ClassVar[bool] = True
    spells: ClassVar[bool] = True
    located: ClassVar[bool] = False
    takes_text: ClassVar[bool] = True
    opened: ClassVar[bool] = True
    encoding: ClassVar[Encoding] = BYTE_LEVEL
    kernels: ClassVar[tuple[str, ...]] = ()
    as_pieces: ClassVar[bool] = False
    nearest_gguf: ClassVar[tuple[str, str]] = ("gpt2", "other tokens")

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """int32[m, 2], the ids of left and right; of a family without merges, none."""
        return np.zeros((0, 2), np.int32)

    @property
    @abstractmethod
    def identity(self) -> bytes:
        """What decides ids besides the tokens, the special tokens, the normalizer and the pretokenizer."""

    @property
    def facts(self) -> dict[str, Any]:
        """What of the fingerprint is told in plain JSON."""
        return {"model": self.name}

    @property
    def slow(self) -> str | None:
        """Why encoding by this model is slow, where it is: "run by …, because …"."""
        return None

    def check(self, entries: Entries) -> None:  # noqa: B027 - most models go with any tokens
        """Raise ValueError where this model cannot belong to these tokens."""

    def scored_pieces(self, entries: Entries) -> ScoredPieces | None:
        """The pieces of which a text is those of the greatest sum; of a family that has no scores, None."""
        return None

    @property
    def piece_file(self) -> bytes | None:
        """The `.model` of SentencePiece that a vocabulary of it is; of most families, none."""
        return None

    def piece_model(self, vocabulary: "Vocabulary", roles: Mapping[str, str]) -> bytes:
        """A `.model` of SentencePiece with the ids of a vocabulary of it; `roles` says which special tokens are bos, eos and pad.

        Raises RecipeError for what a `.model` cannot say.
        """
        if self.piece_file is not None:
            return self.piece_file
        raise RecipeError(
            f"SentencePiece has no model {self.name!r}: what has a .model is learned with vocabulary.family: unigram or "
            "character_bpe, or read from one"
        )

    @classmethod
    @abstractmethod
    def read(cls, file: "TokenizerFile") -> Read:
        """What a `tokenizer.json` holds.

        Raises OtherModelError for a file of another family, DataError for a damaged one, RecipeError for one that cannot be
        read here.
        """

    @classmethod
    def is_own(cls, data: bytes) -> bool:  # noqa: ARG003 - most families have no such
        """Whether a file is no `tokenizer.json` but of a format of this family's own, by how it begins."""
        return False

    @classmethod
    def read_own(cls, data: bytes) -> Read:
        """What a file of the family's own format holds; raises as `read` does."""
        raise NotImplementedError

    @abstractmethod
    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """The `tokenizer.json` of a vocabulary, canonical bytes; `golden` makes documents as [text, ids], to be kept in it."""

    @abstractmethod
    def compiled(self, entries: Entries) -> Compiled:
        """The tables for encoding; may take as long as it takes, once a vocabulary."""


MODELS = Registry[Model](
    kind="model",
    package="pairloom.operators.models",
    base="pairloom.operators.models:Model",
    group="pairloom.models",
)
