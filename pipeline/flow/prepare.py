"""prepare: the first step of a run, in which a worker starts and its kernels are loaded, or compiled once a machine."""

from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pairloom.operators import Pretokenizer
from pairloom.operators.kernels.beside import Piece, compile_beside
from pairloom.operators.kernels.cache import takes_kernels
from pairloom.operators.kernels.warmup import kernel_places, missing_kernels, on_compiled, warm_up
from pairloom.operators.learners import LEARNERS, Learner
from pairloom.operators.models import MODELS, Model
from pairloom.operators.models.bpe.joins import holds_joined
from pairloom.operators.text.pretokenize.schemes import SCHEMES
from pairloom.operators.vocabulary.tokens import TokenTable
from pairloom.pipeline.execution.machine import memory, processors
from pairloom.pipeline.inputs.readers import READERS
from pairloom.pipeline.notes import note

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["SHARDED_KERNELS", "PrepareTask", "needed_kernels", "needed_schemes", "preparing"]

PACKAGES = ("pairloom.operators", "pairloom.pipeline")
_MANY = 12  # kernels: where fewer are missing, they are compiled before helpers have begun
_HELPER = 1_000_000_000  # bytes of memory that a process which compiles may take, twice of what was seen
_MOST_HELPERS = 4  # more of them wait for the one that has most to do
_CUTTING = "pairloom.operators.text.pretokenize.kernels:schemes"
# Places of which one takes longer than several of the others; what one needs of another it finds compiled by then.
_LONGEST = (
    "pairloom.operators.encode.kernels:words",
    "pairloom.operators.models.bpe.kernels:tables",
    "pairloom.operators.models.bpe.kernels:learn",
    "pairloom.pipeline.inputs.readers.kernels:lines",
    "pairloom.operators.pack.kernels:narrow",
)
SHARDED_KERNELS = "pairloom.operators.models.bpe.sharded.kernels"
SHARDED_FROM = 1_000_000_000  # stored bytes of a corpus; the words of a smaller one are learned by one worker


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareTask:
    """Run kernels once on a few words, so that no later step compiles. There is nothing to keep of it.

    `places` are the folders and files `kernels` that are wanted, all of them if it is None; `number` is that of the worker.
    """

    schemes: tuple[str, ...] = tuple(SCHEMES)
    places: tuple[str, ...] | None = None
    number: int = 0
    step = "prepare"

    @property
    def unit(self) -> str:
        """One for each worker."""
        return f"kernels {self.number}" if self.number else "kernels"

    @property
    def label(self) -> str:
        """The schemes."""
        return ", ".join(self.schemes)

    def need(self) -> int:
        """What compiling takes."""
        return 600_000_000

    def run(self, shared: Any = None) -> None:
        """Run them on next to nothing."""
        _run_kernels(self.schemes, self.places)


def preparing(first: PrepareTask, workers: int) -> tuple[list[PrepareTask], ...]:
    """The tasks that make so many workers ready, in rounds.

    Where all kernels are on disk each worker loads them, all at once. Else the first compiles them, with all processors for itself,
    and then the others load what it has compiled.
    """
    others = [replace(first, number=number) for number in range(1, workers)]
    if not others:
        return ([first],)
    assert first.places is not None
    return ([first], others) if missing_kernels(first.places) else ([first, *others],)


@cache
def _run_kernels(schemes: tuple[str, ...], places: tuple[str, ...] | None) -> None:
    """Run them; once in each process, in which what is compiled stays. Notes how many are compiled by then."""
    places = (
        tuple(part for package in PACKAGES for place in kernel_places(package) for part in _parts(place))
        if places is None
        else places
    )
    missing = missing_kernels(places)
    compiled: set[str] = set()

    def tell(name: str) -> None:
        compiled.add(name)
        note(len(compiled), max(len(missing), len(compiled)), "kernels compiled")

    helpers = min(processors(), memory() // _HELPER, len(places), _MOST_HELPERS)
    if len(missing) >= _MANY and helpers > 1 and takes_kernels():
        compile_beside(_pieces(schemes, places), helpers, tell)
    with on_compiled(tell):
        warm_up(schemes, places)


def _pieces(schemes: tuple[str, ...], places: tuple[str, ...]) -> list[Piece]:
    """What helpers are to do, the longest first; what cuts text is compiled anew for every scheme, all else once."""
    first = sorted(
        places, key=lambda place: (_LONGEST.index(place) if place in _LONGEST else len(_LONGEST), place)
    )
    pieces = [(schemes[:1], place) for place in first]
    return pieces + [((scheme,), place) for place in places if place == _CUTTING for scheme in schemes[1:]]


def needed_schemes(plan: "Plan") -> tuple[str, ...]:
    """The pretokenizers that a plan's kernels are compiled for."""
    if plan.vocabulary is not None:
        return (plan.vocabulary.pretokenizer.scheme,)
    cut = plan.cut
    used = (cut.first, cut.weaker, cut.last)
    return tuple(dict.fromkeys(one.scheme for one in used if isinstance(one, Pretokenizer)))


def needed_kernels(plan: "Plan") -> tuple[str, ...]:
    """The places of kernels that the stages of a plan run: all but those that are known to be of no use to it."""
    families: list[type[Learner] | type[Model]] = [*LEARNERS.all().values(), *MODELS.all().values()]
    of_families = {one for family in families for one in family.kernels}
    learner, vocabulary = plan.recipe.vocabulary.learner, plan.vocabulary
    own = learner.kernels if vocabulary is None else vocabulary.model.kernels

    def needed(part: str) -> bool:
        if (name := part.removeprefix("pairloom.operators.")) in of_families:
            return name in own
        return part not in _NEEDED_WHERE or _NEEDED_WHERE[part](plan)

    return tuple(
        part
        for package in PACKAGES
        for place in kernel_places(package)
        for part in _parts(place)
        if needed(part)
    )


def _parts(place: str) -> tuple[str, ...]:
    """The parts that a place is run in, if it has some, else itself."""
    parts = getattr(import_module(place), "PARTS", None)
    return (place,) if parts is None else tuple(f"{place}:{part}" for part in parts)


def _never(_: "Plan") -> bool:
    return False


def _has_rules(plan: "Plan") -> bool:
    return any(step.compiled for source in plan.recipe.corpus for step in source.steps)


def _scores(plan: "Plan") -> bool:
    """Whether a step scores texts by a language model."""
    return any(
        wanted.model for source in plan.recipe.corpus for step in source.steps for wanted in step.lists
    )


def _reads_json(plan: "Plan") -> bool:
    formats = {piece.file.format for unit in plan.units for piece in unit.slices}
    return any(READERS.get(name).compiled for name in formats)


def _reads_whole_json(plan: "Plan") -> bool:
    return any(piece.file.format == "json" for unit in plan.units for piece in unit.slices)


def _has_spans(plan: "Plan") -> bool:
    """Whether documents may say something about parts of their text, which steps and givers let them do."""
    return any(unit.steps or unit.giver is not None for unit in plan.units)


def _finds_near(plan: "Plan") -> bool:
    return plan.recipe.pack.deduplicate == "near"


def _has_row_steps(plan: "Plan") -> bool:
    return bool(plan.recipe.pack.rows)


def _gathers_wide(plan: "Plan") -> bool:
    """Whether ids may have four bytes, or something may stand beside them, which may have as many."""
    pack = plan.recipe.pack
    if pack.steps or pack.rows or any(unit.attributes for unit in plan.units) or _has_spans(plan):
        return True
    if plan.vocabulary is not None:
        return plan.vocabulary.dtype.itemsize > 2
    choice = plan.recipe.vocabulary
    return plan.base is not None or choice.size + len(choice.all_special_tokens) > 1 << 16


def _cuts_lines(plan: "Plan") -> bool:
    known, cut = (plan.vocabulary, plan.base), plan.cut
    used = (cut.first, cut.weaker, cut.last, *(one.pretokenizer for one in known if one is not None))
    return any(isinstance(one, Pretokenizer) and one.lines for one in used)


def _cuts_chunks(plan: "Plan") -> bool:
    cut = plan.cut
    return any(
        one is not None and not isinstance(one, Pretokenizer) for one in (cut.first, cut.weaker, cut.last)
    )


def _has_token_steps(plan: "Plan") -> bool:
    return bool(plan.recipe.pack.steps)


def _normalizes(plan: "Plan") -> bool:
    known = plan.vocabulary if plan.vocabulary is not None else plan.base
    asked = plan.recipe.vocabulary.normalizer if known is None else known.normalizer
    return asked != "none" or any(source.steps for source in plan.recipe.corpus)


def _shards(plan: "Plan") -> bool:
    mode = plan.recipe.vocabulary.learn.mode
    return plan.vocabulary is None and (mode == "sharded" or (mode == "auto" and plan.bytes >= SHARDED_FROM))


def _learns(plan: "Plan") -> bool:
    return plan.vocabulary is None


def _for_groups(plan: "Plan") -> bool:
    return plan.vocabulary is None and plan.recipe.vocabulary.parity is not None


def _extends(plan: "Plan") -> bool:
    return plan.base is not None


def _joins_words(plan: "Plan") -> bool:
    """Whether some merges join words, or may: where pieces of text hold several, or tokens of a vocabulary that is given do."""
    given = plan.vocabulary if plan.vocabulary is not None else plan.base
    cut = plan.cut.last if given is None else given.pretokenizer
    return (
        plan.cut.weaker is not None
        or cut.pattern is not None
        or cut.scheme in ("none", "superwords")
        or (given is not None and holds_joined(TokenTable.of(given.tokens)))
    )


# What is compiled only where a plan has a use for it, besides what families say of themselves.
_NEEDED_WHERE = {
    "pairloom.operators.evaluate.kernels": _never,  # reports are runs of their own
    "pairloom.operators.documents.kernels": _has_rules,
    "pairloom.operators.ngram.kernels": _scores,
    "pairloom.operators.pack.kernels:derive": _has_row_steps,
    "pairloom.operators.pack.kernels:wide": _gathers_wide,
    "pairloom.operators.text.pretokenize.kernels:chunks": _cuts_chunks,
    "pairloom.operators.text.pretokenize.kernels:lines": _cuts_lines,
    "pairloom.pipeline.inputs.readers.kernels:lines": _reads_json,
    "pairloom.pipeline.inputs.readers.kernels:layout": _reads_whole_json,
    "pairloom.operators.encode.kernels:spans": _has_spans,
    "pairloom.operators.layouts.kernels": _has_row_steps,
    "pairloom.operators.near.kernels": _finds_near,
    "pairloom.operators.transforms.kernels": _has_token_steps,
    "pairloom.operators.text.normalize.kernels": _normalizes,
    SHARDED_KERNELS: _shards,
    "pairloom.operators.models.bpe.kernels:learn": _learns,
    "pairloom.operators.models.bpe.kernels:extend": _extends,
    "pairloom.operators.models.bpe.kernels:parity": _for_groups,
    "pairloom.operators.models.bpe.kernels:superwords": _joins_words,
    "pairloom.operators.models.bpe.kernels:replay": _never,
}
