"""Text to packed rows, beside peers."""

from collections.abc import Callable, Mapping
from statistics import median

from tests.bench import texts
from tests.bench.measures.sitting import Sitting, Table, ratio

__all__ = ["whole_path"]

PEER_BYTES = 16_000_000  # what slow peers get


def whole_path(sitting: Sitting) -> Table:
    """Text to packed rows, beside peers that only encode."""
    small = sitting.folder / "peers.jsonl"
    part = texts.write_jsonl(small, texts.installed(), min(PEER_BYTES, sitting.bytes))
    size = sitting.text.stat().st_size
    ways: dict[str, tuple[Callable[[], float | None], int]] = {
        "Pairloom, vocabulary given": (lambda: _whole(sitting, None), size),
        "Pairloom, learns 32,768 tokens first": (lambda: _whole(sitting, {"size": 32768}), size),
        "gigatoken": (lambda: sitting.peer("gigatoken", sitting.text), size),
        "datatrove": (lambda: sitting.peer("datatrove", small), part),
        "tokenizers": (lambda: sitting.peer("tokenizers", small), part),
    }
    rates = _rates(ways, sitting.repeat)
    rows = [
        (
            name,
            *(("not installed",) if rate is None else (f"{rate / 1e6:.1f}",)),
            *(
                "" if rate is None else ratio(rate, rates[peer])
                for peer in ("gigatoken", "datatrove", "tokenizers")
            ),
        )
        for name, rate in rates.items()
    ]
    return Table(
        title="The whole path",
        says=f"{size / 1e6:.0f} MB of JSON Lines. Pairloom reads, encodes, checks, shuffles and packs, to synced files; gigatoken's "
        "`encode_files` and tokenizers' `encode_batch_fast` leave tokens in memory, datatrove's `DocumentTokenizer` writes them. "
        f"All of them on all processors; the last two have {part / 1e6:.0f} MB. Imports, kernels, starting workers and reading the "
        "vocabulary are in none of them.",
        head=("", "MB/s", "x gigatoken", "x datatrove", "x tokenizers"),
        rows=rows,
    )


def _whole(sitting: Sitting, vocabulary: Mapping[str, object] | None) -> float:
    return float(sitting.one_run(sitting.recipe(sitting.text, vocabulary))["seconds"])


def _rates(
    ways: Mapping[str, tuple[Callable[[], float | None], int]], repeat: int
) -> dict[str, float | None]:
    """Bytes a second of each way: medians of what they take in turn."""
    taken: dict[str, list[float | None]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, (way, _size) in ways.items():
            taken[name].append(way())
    return {
        name: None if None in seconds else ways[name][1] / median(s for s in seconds if s is not None)
        for name, seconds in taken.items()
    }
