"""What to do about it: advice on size, sequence length and sources, each with the figures that it follows from."""

from collections.abc import Iterator
from typing import Any

from pairloom.jobs.report.html import section, shown
from pairloom.jobs.report.tables import number, share

__all__ = ["advice"]

LITTLE = (
    0.03  # tokens that the last doubling of the vocabulary saves: fewer do not pay for twice the embeddings
)
MUCH = 0.08  # more, and the next doubling is likely to pay too
FITS = 0.95  # of the documents that a sequence length should hold whole
DEAR = 0.8  # of the bytes a token of all the text: a source that has fewer is dear


def advice(report: dict[str, Any]) -> str:
    """Sentences that follow from the figures; nothing where there is no text."""
    said = [*_size(report), *_length(report), *_sources(report)] if report["summary"]["tokens"] else []
    items = "".join(f"<li>{shown(one)}</li>" for one in said)
    return section("Advice", "What would the figures have you do?", f"<ul>{items}</ul>" if said else "")


def _size(report: dict[str, Any]) -> Iterator[str]:
    curve = report["curve"]
    if len(curve) < 3:
        return
    last = curve[-1]
    half = min(curve[:-1], key=lambda point: abs(point["size"] - last["size"] / 2))
    saved = 1 - last["tokens"] / max(1, half["tokens"])
    why = f"going from {half['size']:,} to {last['size']:,} tokens saves {share(saved)} of the text's tokens"
    if saved < LITTLE:
        yield f"Vocabulary size: {half['size']:,} would do, because {why}, for that many more embeddings."
    elif saved > MUCH:
        yield f"Vocabulary size: try a larger one, because {why}: the curve is still steep at its end."
    else:
        yield f"Vocabulary size: keep {last['size']:,}, because {why}: neither wasted, nor a reason to double it again."


def _length(report: dict[str, Any]) -> Iterator[str]:
    rows = report["documents"][0]["at_lengths"] if report.get("documents") else []
    if not rows:
        return
    row = next((row for row in rows if row["whole"] >= FITS), rows[-1])
    what = (
        "the shortest that holds" if row["whole"] >= FITS else "the longest looked at, which still holds only"
    )
    yield (
        f"Sequence length: {row['seq_len']:,}, because it is {what} {share(row['whole'])} of the documents whole; "
        f"cutting the others off would lose {share(row['truncated'])} of the tokens."
    )


def _sources(report: dict[str, Any]) -> Iterator[str]:
    whole = report["summary"]["bytes_per_token"]
    if "learn" not in report["provenance"].get("stages", {}):
        return
    for row in report["sources"]:
        if row.get("tokens") and row["bytes_per_token"] < DEAR * whole:
            yield (
                f"Sources: weigh {row['source']} more in vocabulary.weights if it matters to you, because its tokens hold "
                f"{number(row['bytes_per_token'])} bytes, and those of all the text {number(whole)}."
            )
