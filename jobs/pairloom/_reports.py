"""`pairloom.report`: how good a vocabulary is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast

from pairloom.jobs.report.subjects import named_texts, named_tokenizers, report_of, reports_of_two
from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.room import needing_room
from pairloom.operators.shown import Shown
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.expected import told
from pairloom.pipeline.flow.events import Event
from pairloom.pipeline.report import SEQ_LENS, Lexicon, Options

__all__ = ["Measures", "Report", "report"]


class Measures(TypedDict, total=False):
    """What is measured besides, and where: the fields of `pairloom.pipeline.report.Options`.

    `against_text` are its `categories`: `NAME=PATHS`, or paths by name.
    """

    by: str | None
    parallel: str | None
    reference: str
    own: int | None
    sample_bytes: int | None
    seed: int
    alpha: float
    threshold: int | None
    max_rejected: float
    seq_lens: Sequence[int] | None
    lexicons: Mapping[str, Lexicon]
    segmentations: Mapping[str, Mapping[str, tuple[str, ...]]]
    against_text: Sequence[str] | Mapping[str, Sequence[str]]
    merges: int
    engine: str | None
    executor: Executor | None
    observe: Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report(Shown):
    """A report on a vocabulary, or on two: `figures` are values as JSON holds them."""

    name: str
    figures: Mapping[str, Any]

    @property
    def compares(self) -> bool:
        """Whether it is on two vocabularies."""
        return "comparison" in self.figures

    def html(self) -> str:
        """The report as one page that needs nothing else; raises RecipeError where matplotlib is not installed."""
        from pairloom.jobs.report.compare import compare_page
        from pairloom.jobs.report.page import page

        return (compare_page if self.compares else page)(dict(self.figures))

    def save(self, path: str | Path) -> int:
        """Write the page; returns its size in bytes."""
        content = self.html().encode()
        try:
            with needing_room(Path(path).parent):
                Path(path).write_bytes(content)
        except OSError as error:
            raise RecipeError(f"cannot write {path}: {error}") from error
        return len(content)

    def _shown(self) -> tuple[str, Mapping[str, str]]:
        if self.compares:
            return f"Report on {self.name}", {}
        numbers = {k: v for k, v in self.figures["summary"].items() if isinstance(v, int | float)}
        return f"Report on {self.name}", {
            name.replace("_", " "): f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
            for name, value in numbers.items()
        }


@told
def report(
    what: str,
    compare: str | None = None,
    *,
    texts: Sequence[str] = (),
    field: str = "text",
    generation: int | None = None,
    against: Sequence[str] | Mapping[str, Vocabulary] = (),
    **measures: Unpack[Measures],
) -> Report:
    """Measure how good a vocabulary is: compression, use of tokens, fairness, sizes, and what `measures` ask for.

    `what` is a root, a `tokenizer.json` or a `.tiktoken` file, which is measured on `texts` (paths or globs; the text in
    `field`); with `compare`, another of these (or a report's JSON), both and what differs. `against` are other tokenizers on
    the same text: `[NAME=]FILE`, or Vocabularies by name. `measures` are the fields of `pairloom.pipeline.report.Options`.

    Raises RecipeError and DataError.

    >>> import tempfile, pairloom as pl
    >>> from pathlib import Path
    >>> folder = tempfile.mkdtemp()
    >>> pl.learn(["a rose is a rose is a rose"], 266).save(f"{folder}/tokenizer.json")
    >>> _ = Path(folder, "text.txt").write_text("a rose is a rose is a rose")
    >>> pl.report(f"{folder}/tokenizer.json", texts=[f"{folder}/text.txt"]).figures["summary"]["tokens"]
    8
    """
    given = dict(measures)
    lengths = cast("Sequence[int] | None", given.pop("seq_lens", None))
    engine = cast("str | None", given.pop("engine", None))
    if engine not in (None, "auto", "ray", "local"):
        raise RecipeError(f"the engine is auto, ray or local, not {engine!r}")
    texts_by_name = cast("Sequence[str] | Mapping[str, Sequence[str]]", given.pop("against_text", ()))
    options = Options(
        against=named_tokenizers(against),
        categories=named_texts(texts_by_name, field),
        seq_lens=tuple(sorted(set(lengths))) if lengths else SEQ_LENS,
        engine=cast(Literal["auto", "ray", "local"] | None, engine),
        **given,  # type: ignore[arg-type]
    )
    if compare is None:
        return Report(name=what, figures=report_of(what, options, tuple(texts), field, generation))
    made = reports_of_two((what, compare), options, tuple(texts), field)
    return Report(name=" against ".join(made["reports"]), figures=made)
