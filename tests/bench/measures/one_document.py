"""A document that is as large as a corpus."""

from tests.bench import texts
from tests.bench.measures.sitting import Sitting, Table

__all__ = ["one_document"]


def one_document(sitting: Sitting) -> Table:
    """A document that is as large as a corpus: what each byte more of it costs."""
    rows, before = [], (0, 0)
    for times in (1, 3):
        text = sitting.folder / f"{times}.txt"
        size = texts.write_text(text, texts.installed(), times * sitting.bytes)
        found = sitting.one_run(sitting.recipe(text), "--bare")
        seconds = sum(taken for step, taken in found["steps"].items() if step != "prepare")
        more = "" if times == 1 else f"{(found['memory'] - before[1]) / (size - before[0]):.2f}"
        rows.append(
            (
                f"{size / 1e6:.0f} MB",
                f"{found['tokens']:,}",
                f"{size / seconds / 1e6:.1f}",
                f"{found['memory'] / 1e6:.0f}",
                more,
            )
        )
        before = (size, found["memory"])
    return Table(
        title="One document",
        says="The whole path of a single text, vocabulary given, taken once. The memory is all that the process has at its peak; what "
        "a byte more takes is the difference of the two.",
        head=("", "tokens", "MB/s", "memory, MB", "bytes for a byte more"),
        rows=rows,
    )
