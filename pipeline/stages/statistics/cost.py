"""What statistics take: each counts the keys of every shard, or of the texts of every unit, merges them and makes a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pairloom.operators.statistics import Statistic, TextStatistic
from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.forecast.requests import (
    Requests,
    looked_up,
    reads_of_batches,
    reads_of_piece,
    reads_of_whole,
    written,
)
from pairloom.pipeline.forecast.sizes import Sizes

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["cost", "finish_memory", "measure_memory", "text_memory"]

# Stored bytes of the corpus a second of one worker, for bigrams and trigrams of tokens, storage left out: 64 MB of English on
# an AMD EPYC virtual machine (`tests/bench/bench_ngrams.py`).
RATE = 6.8e6
# The same for a statistic of text, the slowest of them, with reading the text.
TEXT_RATE = 30e6
# Bytes that the counts of a token take, where few keys repeat: of the tokens themselves, and of two lengths of n-grams.
BYTES_A_TOKEN = 30
# Bytes that the counts of a byte of text take: of lines and paragraphs, which hardly repeat and are kept as they begin.
BYTES_A_BYTE = 2


def measure_memory(tokens: int) -> int:
    """Bytes for a shard of so many tokens: a batch of them, and a table in which most keys may be distinct."""
    return 400_000_000 + 200 * tokens


def text_memory(size: int, statistics: int) -> int:
    """Bytes for a unit of so many stored bytes: a few batches of text, and a table of lines for each statistic."""
    return 600_000_000 + 6 * size * statistics


def finish_memory(size: int) -> int:
    """Bytes for partitions of at most this size: one as it is read and as it is ranked, and what was chosen before."""
    return 600_000_000 + 8 * size


def cost(plan: "Plan") -> Cost:
    """What all statistics of a recipe ask: those of tokens one by one, those of texts in one reading, or in two."""
    statistics = plan.recipe.tables
    texts = [one for one in statistics if isinstance(one, TextStatistic)]
    tokens = [one for one in statistics if not isinstance(one, TextStatistic)]
    costs = [_of_tokens(plan, one) for one in tokens]
    passes = ([one for one in texts if not one.share], [one for one in texts if one.share])
    costs += [_of_texts(plan, some) for some in passes if some]
    return Cost(
        tasks=sum(one.tasks for one in costs),
        memory=max(one.memory for one in costs),
        work=sum(one.work for one in costs),
        disk=sum(one.disk for one in costs),
        read=sum(one.read for one in costs),
        written=sum(one.written for one in costs),
        requests=sum((one.requests for one in costs), Requests(reads=0)),
    )


def _of_tokens(plan: "Plan", statistic: Statistic) -> Cost:
    """Every shard, once or twice, and its counts."""
    sizes, passes = Sizes.of(plan), 2 if statistic.share else 1
    tokens = int(sizes.tokens * sizes.unit / max(1, sizes.bytes))  # of the largest unit
    stored = BYTES_A_TOKEN * sizes.tokens
    asked = Requests(reads=sizes.units * reads_of_batches(sizes.tokens * sizes.width // sizes.units))
    return _counted(
        plan,
        passes,
        stored,
        tables=1,
        memory=measure_memory(tokens),
        work=sizes.bytes / RATE,
        read=sizes.tokens * sizes.width,
        asked=asked,
        whole=statistic.holds_all,
    )


def _of_texts(plan: "Plan", statistics: Sequence[TextStatistic]) -> Cost:
    """Every unit, once or twice, and its counts."""
    sizes, passes = Sizes.of(plan), 2 if statistics[0].share else 1
    asked = Requests(reads=sizes.units * reads_of_batches(sizes.bytes // sizes.units))
    return _counted(
        plan,
        passes,
        BYTES_A_BYTE * sizes.bytes,
        tables=len(statistics),
        memory=text_memory(sizes.unit, len(statistics)),
        work=len(statistics) * sizes.bytes / TEXT_RATE,
        read=sizes.bytes,
        asked=asked,
    )


def _counted(
    plan: "Plan",
    passes: int,
    stored: int,
    *,
    tables: int,
    memory: int,
    work: float,
    read: int,
    asked: Requests,
    whole: bool = False,
) -> Cost:
    """So many passes over the units, for so many tables, whose counts take `stored` bytes each; `whole` are held to finish."""
    sizes, parts = Sizes.of(plan), plan.partitions
    unit, part = stored // sizes.units, stored // parts
    once = sum((asked, looked_up(sizes.units)), Requests(reads=0))
    table = written(unit, sizes.units) + Requests(
        reads=sizes.units * parts * reads_of_piece(unit // parts, unit)
    )
    table += written(part, parts) + looked_up(parts)
    last = Requests(reads=3 * parts * reads_of_whole(part)) + written(0, 1) + looked_up(1) + Requests(reads=1)
    requests = Requests(reads=0)
    for _ in range(passes):
        requests += once
        for _ in range(tables):
            requests += table
    for _ in range(tables):
        requests += last
    return Cost(
        tasks=passes * (sizes.units + tables * parts) + tables,
        memory=max(memory, finish_memory(stored if whole else part)),
        work=passes * work,
        disk=tables * passes * stored,
        read=passes * read + tables * (6 + 2 * (passes - 1)) * stored,
        written=tables * passes * 2 * stored,
        requests=requests,
    )
