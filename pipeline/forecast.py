"""What a run would take on a stated cluster, and what would limit it: processors, memory, network, requests or one task.

Requests follow from how the store is used, file by file (`requests_of`); times are estimates from measured rates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pairloom.pipeline.plan import BYTES_PER_TOKEN, RATES, Plan, project
from pairloom.pipeline.stages.exchange import REGROUP_BYTES
from pairloom.pipeline.stages.partitions import Splits
from pairloom.pipeline.store.receipts import FEW

__all__ = ["Cluster", "Forecast", "Requests", "Shape", "forecast", "requests_of", "shape_of"]

KEPT_BY_RAY = 0.3  # share of a machine's memory that its object store and Ray itself take
REQUEST_SECONDS = 0.03  # that a worker waits for a small request; object stores answer within 10 to 50 ms
READS_A_SECOND, WRITES_A_SECOND = (
    5500.0,
    3500.0,
)  # what S3 states for a prefix; it splits prefixes as load grows
PART, WINDOW, FIRST_WINDOW = (
    16 << 20,
    8 << 20,
    64 << 10,
)  # bytes of an uploaded part, a ranged read, the first of them
WORDS_SHARE = 10  # a unit's word counts take about a tenth of its stored bytes

Limit = Literal["processors", "memory", "network", "requests", "one task", "few tasks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Machines of a kind: `processors` and bytes of `memory` of each, `network` in bytes a second of each."""

    machines: int
    processors: int
    memory: int
    network: float

    @property
    def workers(self) -> int:
        """Processors of all machines."""
        return self.machines * self.processors


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What decides how often a store is asked: units, partitions of the word counts, packed files, and bytes of each.

    `width` is how many packed files share a batch of an exchange file: 1, unless there are very many.
    """

    units: int
    partitions: int
    files: int
    width: int = 1
    leftovers: int = 0  # files of what fills no row of its partition
    kept: int = 0  # files that spare the next generation work: an index, and what is held out of each unit
    pieces: int | None = (
        None  # units and packed files that have documents in common; all of them, if not said
    )
    words: int = 0  # bytes of a unit's word counts
    tokens: int = 0  # bytes of a unit's tokens
    rows: int = 0  # bytes of a packed file


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests to the store of a root: `reads` are GET and HEAD, `writes` are PUT, POST and LIST. DELETE costs nothing."""

    reads: int = 0
    writes: int = 0

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(reads=self.reads + other.reads, writes=self.writes + other.writes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a stage is expected to take on a cluster.

    `read` and `written` are bytes over the network, `memory` bytes a task, `busy` seconds of processors. `seconds` is the
    longest of what processors, network and requests take, and `limit` says which that is.
    """

    stage: str
    tasks: int
    memory: int
    disk: int
    read: int
    written: int
    requests: Requests
    busy: float
    seconds: float
    limit: Limit


def shape_of(plan: Plan) -> Shape:
    """The shape of a plan, its sizes estimated from the corpus."""
    recipe, units = plan.recipe, max(1, len(plan.units))
    tokens = int(plan.bytes / BYTES_PER_TOKEN)
    width = 2 if recipe.vocabulary.size <= 1 << 16 else 4
    shuffle = recipe.pack.shuffle
    splits = Splits.of(tokens, recipe.pack.file_tokens, 0.0, mode=shuffle.mode, groups=shuffle.groups)
    files = len(splits)
    ordered = splits.mode != "document"  # then a slice of an input is in few packed files, mostly in one
    kept = ordered and not recipe.selects
    held = 1 + bool(recipe.pack.validation)
    return Shape(
        units=units,
        partitions=plan.partitions,
        files=files,
        width=splits.width,
        pieces=held * (files + sum(len(unit.slices) for unit in plan.units)) if ordered else None,
        kept=1 + (held - 1) * units if kept else 0,
        leftovers=files if files > 1 and recipe.pack.strategy in ("best_fit", "concat", "first_fit") else 0,
        words=plan.bytes // units // (WORDS_SHARE if plan.cut.repeats else 1),
        tokens=tokens * width // units,
        rows=tokens * width // files,
    )


def requests_of(shape: Shape) -> Mapping[str, Requests]:
    """The requests of each stage of a run from nothing, and of its `commit`; those of the corpus are not among them."""
    units, parts, files = shape.units, shape.partitions, shape.files
    part = shape.words // max(1, parts)
    words = _written(shape.words, units) + _looked_up(units)
    merge = _written(part, parts) + _written(0, parts, receipts=False) + _looked_up(parts)
    merge += Requests(reads=units * parts * _reads_of_piece(part, shape.words))
    learned = Requests(reads=2 * parts * _reads_of_whole(part * units))
    learned += _written(0, 1) + _written(0, 1, receipts=False) + _looked_up(1)
    tokenize = _written(shape.tokens, units) + _looked_up(units)
    tokenize += _committed(units) + Requests(
        reads=_reads_of_whole(0) + 1
    )  # receipts of count, memo, vocabulary
    exchange = _written(shape.tokens, units, checked=False) + _looked_up(units)
    exchange += Requests(reads=units * _reads_of_whole(shape.tokens))  # shards
    pack = _written(shape.rows, files) + _looked_up(files)
    batches = -(-files // shape.width)
    pieces = units * batches if shape.pieces is None else shape.pieces
    pack += Requests(reads=pieces * _reads_of_piece(shape.tokens // batches, shape.tokens))
    if shape.width > 1:  # each batch is spread again, and a packed file reads from what became of its own
        again = max(1, -(-shape.tokens * units // (batches * REGROUP_BYTES)))
        size = shape.tokens * units // (batches * again)
        pack += _written(size, batches * again, checked=False) + _looked_up(batches * again)
        pack += Requests(reads=files * again * _reads_of_piece(size // shape.width, size))
    pack += _written(0, shape.leftovers, receipts=False)
    pack += Requests(reads=shape.leftovers * _reads_of_whole(0))
    pack += _written(0, shape.kept, receipts=False)
    present = (
        shape.leftovers + shape.kept + 2 * parts + 2 + units + files
    )  # every file that is committed is looked for
    return {
        "count": words + merge,
        "learn": learned,
        "tokenize": tokenize,
        "pack": exchange + pack,
        "commit": Requests(reads=present, writes=2),
    }


def forecast(plan: Plan, cluster: Cluster, *, remote: bool) -> list[Forecast]:
    """Forecast each stage of a plan on a cluster; `remote` says whether the root is in an object store."""
    shape, asked = shape_of(plan), requests_of(shape_of(plan))
    words, tokens = shape.words * shape.units, shape.tokens * shape.units
    # Whatever is written is read again once, before anybody may trust it.
    moved = {
        "count": (plan.bytes + 3 * words, 2 * words),
        "learn": (words, 0),
        "tokenize": (plan.bytes + tokens, tokens),
        "pack": (4 * tokens, 2 * tokens),
    }
    out = []
    for stage in project(plan, cluster.workers):
        read, written = moved[stage.stage]
        requests = asked[stage.stage] if remote else Requests()
        waits = (requests.reads + requests.writes) * REQUEST_SECONDS
        busy = plan.bytes / RATES[stage.stage] + waits
        room = int(cluster.memory * (1 - KEPT_BY_RAY) // max(1, stage.memory)) * cluster.machines
        at_once = max(1, min(stage.tasks, cluster.workers, room))
        machines = min(cluster.machines, at_once)
        needs: dict[Limit, float] = {
            _narrowest(stage.tasks, cluster.workers, room): busy / at_once,
            "network": (read + written) / (cluster.network * machines),
            "requests": max(requests.reads / READS_A_SECOND, requests.writes / WRITES_A_SECOND),
        }
        limit = max(needs, key=lambda name: needs[name])
        out.append(
            Forecast(
                stage=stage.stage,
                tasks=stage.tasks,
                memory=stage.memory,
                disk=stage.disk,
                read=read,
                written=written,
                requests=requests,
                busy=busy,
                seconds=needs[limit],
                limit=limit,
            )
        )
    return out


def _narrowest(tasks: int, workers: int, room: int) -> Limit:
    """What bounds how many tasks run at a time."""
    if tasks == 1:
        return "one task"
    if tasks < min(workers, room):
        return "few tasks"
    return "memory" if room < workers else "processors"


def _committed(units: int) -> Requests:
    """Receipts that are known to be there."""
    return Requests(reads=units, writes=1 if units > FEW else 0)


def _looked_up(units: int) -> Requests:
    """A step asks which of its units are done before: none are, and a listing of nothing is asked for twice."""
    return Requests(reads=units) if units <= FEW else Requests(reads=1, writes=2)


def _written(size: int, files: int, *, receipts: bool = True, checked: bool = True) -> Requests:
    """Files of a size, each read again if it is `checked`, and a receipt for each."""
    puts = 1 if size <= PART else 2 + -(-size // PART)
    return Requests(reads=files * _reads_of_whole(size) * checked, writes=files * (puts + receipts))


def _reads_of_whole(size: int) -> int:
    """Requests for a whole file, from its start to its end, its size asked for first: windows double up to a limit."""
    reads, window, at = 1, FIRST_WINDOW, 0
    while at < size and window < WINDOW:
        at, window, reads = at + window, 2 * window, reads + 1
    return max(2, reads + -(-max(0, size - at) // WINDOW))


def _reads_of_piece(piece: int, size: int) -> int:
    """Requests for one record batch of a file: its size, its footer, and the batch where the footer's window has it not."""
    return 2 if size <= FIRST_WINDOW else 1 + _reads_of_whole(piece)
