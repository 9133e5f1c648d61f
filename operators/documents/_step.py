"""Document steps: what is done to documents after they are read, by everybody who reads them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pairloom.operators.errors import RecipeError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from pairloom.operators.documents._batch import DocumentBatch
    from pairloom.operators.documents._spans import Spanned
    from pairloom.operators.encode import Tokenizer
    from pairloom.operators.ngram.texts import TextModel

__all__ = ["DocumentStep", "Entries", "Hit", "Wanted", "apply_step"]


class Wanted(NamedTuple):
    """A list that a step looks things up in: a path, glob or URI, and the column of files that have columns.

    `value` is the column of a number for each entry, if there is to be one, and with `vectors` of a list of numbers, of one length;
    with `names`, entries are wanted as they are written. With `model` it is a language model instead: the root of a run
    that has the statistic `language_model`, or its table as a file, with the `tokenizer` that it is of. Without `model` a
    `tokenizer` alone is wanted.
    """

    uri: str
    column: str
    value: str | None = None
    names: bool = False
    vectors: bool = False
    model: bool = False
    tokenizer: str | None = None


class Entries(NamedTuple):
    """What is in a list: document numbers (int64, ascending, each once), and what else is wanted.

    `values` has the value of each (float64; a row for each, where they are vectors), `names` all entries as they are written, in
    the order of the list. `model` is the language model, `tokenizer` the tokenizer, if that is wanted.
    """

    numbers: "npt.NDArray[np.int64]"
    values: "npt.NDArray[np.float64] | None" = None
    names: "pa.LargeStringArray | None" = None
    model: "TextModel | None" = None
    tokenizer: "Tokenizer | None" = None


class Hit(NamedTuple):
    """An entry of a list that a step has found in a document: the place of the document in its batch, and what is known of both.

    `item` is the place of the entry in its list, `text` what it begins with, `words` how many it has, `overlap` how many words of
    the document are in runs that both have. `action` is what the step does about it.
    """

    document: int
    list: str
    item: int
    text: str
    words: int
    overlap: int
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStep(ABC):
    """A function of documents that may change their text, add fields, leave some out for a reason, or reject them.

    A step is a frozen dataclass whose fields are its recipe keys; what it cannot take is a ValueError. It is pure: what
    becomes of a document depends on that document alone, never on those that happen to be in one batch with it. `name` is
    its name in recipes, `version` is raised with every change of what it does, `source` says where it was published.

        @dataclass(frozen=True, slots=True, kw_only=True)
        class DropWord(DocumentStep):
            \"\"\"Leaves out the documents that have a word.\"\"\"

            name = "drop_word"
            word: str

            def __call__(self, batch):
                return batch.drop(pc.match_substring(batch.content, self.word), "has it")
    """

    name: ClassVar[str]
    version: ClassVar[int | str] = 1
    source: ClassVar[str] = ""
    compiled: ClassVar[bool] = False
    """Whether it runs the kernels of this package, which are compiled then before there are documents."""
    samples: ClassVar[bool] = False
    """Whether it chooses by chance alone: then the ledger says what it has chosen from, of the first such step of a source."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields of a record that it reads besides the text."""
        return ()

    @property
    def reads_ids(self) -> bool:
        """Whether it looks at the ids of documents, which a source must have then."""
        return False

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The lists that it looks things up in. Their files are part of its identity."""
        return ()

    def with_lists(self, lists: tuple[Entries, ...]) -> "DocumentStep":
        """What is called in its place, with what is in each of `lists`."""
        return self

    @property
    def spanned(self) -> "tuple[Spanned, ...]":
        """The columns of tokens that its spans become."""
        return ()

    def hits(self, batch: "DocumentBatch") -> tuple[Hit, ...]:
        """What of its lists is in documents that it is given, for a table of it; by default, nothing is looked for."""
        return ()

    @property
    def label(self) -> str:
        """What the ledger calls it."""
        return self.name

    def identity(self) -> object:
        """Everything that decides what it does, as JSON; of a step from outside the package, its module's SHA-256 too."""
        from pairloom.operators.steps import step_identity

        return step_identity(self)

    @abstractmethod
    def __call__(self, batch: "DocumentBatch") -> "DocumentBatch":
        """The documents that are left, in their order. Those that are not are in the batch's ledger: see `drop` and `reject`."""


def apply_step(step: DocumentStep, batch: "DocumentBatch") -> "DocumentBatch":
    """What a step makes of documents; its ledger has what the step did, and nothing of what was before.

    Raises RecipeError for a step that loses a document without a word, or changes which documents they are.
    """
    before = replace(batch, rejected=(), dropped={}, bytes_read=0)
    return checked(step.label, before, step(before))


def checked(label: str, before: "DocumentBatch", after: Any) -> "DocumentBatch":
    """What a step made of documents, if it may."""
    import numpy as np
    import pyarrow as pa

    if not isinstance(after, type(before)):
        raise RecipeError(f"the step {label} gave a {type(after).__name__} for documents: return the batch")
    if after.records != len(before):
        raise RecipeError(
            f"the step {label} gave {len(after)} documents for {len(before)}, and says of {after.records - len(after)} why "
            "they are left out: use batch.drop(mask, reason)"
        )
    for name, column in (
        ("id", after.id),
        ("row", after.row),
        *after.fields.items(),
        *after.spans.items(),
        *after.columns.items(),
    ):
        if column is not None and len(column) != len(after):
            raise RecipeError(
                f"the step {label} gave {len(column)} values of {name!r} for {len(after)} documents"
            )
    rows, given = after.row.to_numpy(), before.row.to_numpy()
    place = np.searchsorted(given, rows)
    if (
        np.any(np.diff(rows) <= 0)
        or np.any(place == len(given))
        or np.any(given[np.minimum(place, len(given) - 1)] != rows)
    ):
        raise RecipeError(f"the step {label} changed the rows that documents were read from, or their order")
    ids = None if before.id is None else before.id.take(pa.array(place))
    same = ids is None if after.id is None else ids is not None and ids.equals(after.id)
    if not same or (after.uri, after.slice) != (before.uri, before.slice):
        raise RecipeError(
            f"the step {label} changed the ids of documents: ids say which they are, and stay; give back those that it got"
        )
    if {name: one.type for name, one in after.columns.items()} != {
        name: one.type for name, one in before.columns.items()
    }:
        raise RecipeError(
            f"the step {label} changed which columns documents have, or their types: use batch.with_columns"
        )
    if after.content is not before.content:
        _check_texts(label, after.content)
    return after


def _check_texts(label: str, content: Any) -> None:
    import pyarrow as pa

    try:
        content.validate(full=True)
    except pa.ArrowInvalid as error:
        raise RecipeError(f"the step {label} gave texts that are not valid: {error}") from error
    if content.type != pa.large_string() or content.null_count:
        raise RecipeError(
            f"the step {label} gave texts of type {content.type} with {content.null_count} nulls"
        )
