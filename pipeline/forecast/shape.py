"""The shape of a run, and how often it asks the store of its root, file by file."""

from collections.abc import Mapping
from dataclasses import dataclass

from pairloom.pipeline.flow.plan import BYTES_PER_DOCUMENT, BYTES_PER_TOKEN, Plan
from pairloom.pipeline.stages.count.combine import COMBINE_BYTES, COMBINE_FILES, COMBINE_FROM
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.exchange.tasks import REGROUP_BYTES
from pairloom.pipeline.stages.select.duplicates import digest_partitions
from pairloom.pipeline.store.receipts import FEW

__all__ = ["Requests", "Shape", "requests_of", "shape_of"]

# Bytes of an uploaded part, a ranged read, the first of them.
PART, WINDOW, FIRST_WINDOW = 16 << 20, 8 << 20, 64 << 10
WORDS_SHARE = 10  # a unit's word counts take about a tenth of its stored bytes
HEAPS = 0.62  # the words of a text grow with this power of its length


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What decides how often a store is asked: units, partitions of the word counts, packed files, and bytes of each.

    `width` is how many packed files share a batch of an exchange file: 1, unless there are very many. `groups` are the files
    that word counts are combined into before they are merged, 0 where they are merged as they are; `digests` the partitions
    in which documents are compared.
    """

    units: int
    partitions: int
    files: int
    width: int = 1
    groups: int = 0
    digests: int = 0
    leftovers: int = 0  # files of what fills no row of its partition
    kept: int = 0  # files that spare the next generation work: an index, and what is held out of each unit
    pieces: int | None = (
        None  # units and packed files that have documents in common; all of them, if not said
    )
    words: int = 0  # bytes of a unit's word counts
    combined: int = 0  # bytes of a combined file of them
    tokens: int = 0  # bytes of a unit's tokens
    rows: int = 0  # bytes of a packed file

    @property
    def again(self) -> int:
        """Tasks that spread one batch of the exchange files over the packed files that share it; 0 in one step."""
        batches = -(-self.files // self.width)
        return max(1, -(-self.tokens * self.units // (batches * REGROUP_BYTES))) if self.width > 1 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests to the store of a root: `reads` are GET and HEAD, `writes` are PUT, POST and LIST. DELETE costs nothing."""

    reads: int = 0
    writes: int = 0

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(reads=self.reads + other.reads, writes=self.writes + other.writes)


def shape_of(plan: Plan) -> Shape:
    """The shape of a plan, its sizes estimated from the corpus."""
    recipe, units = plan.recipe, max(1, len(plan.units))
    tokens = int(plan.bytes / BYTES_PER_TOKEN)
    width = 2 if recipe.vocabulary.size <= 1 << 16 else 4
    shuffle = recipe.pack.shuffle
    splits = Splits.of(tokens, recipe.pack.file_tokens, 0.0, mode=shuffle.mode, groups=shuffle.groups)
    files = len(splits)
    ordered = splits.mode != "document"  # then a slice of an input is in few packed files, mostly in one
    held = int(recipe.pack.validation > 0)
    words = plan.bytes // units // (WORDS_SHARE if plan.cut.repeats else 1)
    some = max(1, min(COMBINE_FILES, COMBINE_BYTES // max(1, words)))  # files in a group
    groups = -(-units // some) if units * plan.partitions > COMBINE_FROM and some > 1 else 0
    return Shape(
        units=units,
        partitions=plan.partitions,
        files=files,
        width=splits.width,
        pieces=(1 + held) * (files + sum(len(unit.slices) for unit in plan.units)) if ordered else None,
        kept=1 + held * units if ordered and not recipe.selects else 0,
        leftovers=files if files > 1 and recipe.pack.strategy in ("best_fit", "concat", "first_fit") else 0,
        groups=groups,
        digests=digest_partitions(plan.bytes // BYTES_PER_DOCUMENT)
        if recipe.pack.deduplicate == "exact"
        else 0,
        words=words,
        combined=int(words * (some**HEAPS if plan.cut.repeats else some)) if groups else 0,
        tokens=tokens * width // units,
        rows=tokens * width // files,
    )


def requests_of(shape: Shape) -> Mapping[str, Requests]:
    """The requests of each stage of a run from nothing, and of its `commit`; those of the corpus are not among them."""
    units, parts, files = shape.units, shape.partitions, shape.files
    part = shape.words // max(1, parts)
    words = _written(shape.words, units) + _looked_up(units)
    merge = _written(part, parts) + _written(0, parts, receipts=False) + _looked_up(parts)
    if shape.groups:  # each file is read from its start to its end, its footer first
        merge += _written(shape.combined, shape.groups) + _looked_up(shape.groups)
        merge += Requests(reads=units * _reads_of_batches(shape.words))
        merge += Requests(
            reads=shape.groups * parts * _reads_of_piece(shape.combined // parts, shape.combined)
        )
    else:
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
        again = shape.again
        size = shape.tokens * units // (batches * again)
        pack += _written(size, batches * again, checked=False) + _looked_up(batches * again)
        pack += Requests(reads=files * again * _reads_of_piece(size // shape.width, size))
    pack += _written(0, shape.leftovers, receipts=False)
    pack += Requests(reads=shape.leftovers * _reads_of_whole(0))
    pack += _written(0, shape.kept, receipts=False)
    # Every file that is committed is looked for.
    present = shape.leftovers + shape.kept + 2 * parts + 2 + units + files
    return {
        "count": words + merge,
        "learn": learned,
        "tokenize": tokenize,
        "select": _selected(shape),
        "pack": exchange + pack,
        "commit": Requests(reads=present, writes=2),
    }


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


def _selected(shape: Shape) -> Requests:
    """Every shard is read once; where documents are compared, so is each partition of every shard's digests."""
    units, digests = shape.units, shape.digests
    asked = Requests(reads=units * _reads_of_batches(shape.tokens)) + _looked_up(units)
    if not digests:
        return asked + Requests(writes=units)
    size = shape.tokens // 100  # 33 bytes a document
    asked += _written(size, units) + _written(0, digests) + _looked_up(digests)
    return asked + Requests(reads=units * digests * _reads_of_piece(size // digests, size))


def _reads_of_batches(size: int) -> int:
    """Requests for all record batches of a file in order: its size, its footer, and windows from its start."""
    return 2 if size <= FIRST_WINDOW else 1 + _reads_of_whole(size)


def _reads_of_piece(piece: int, size: int) -> int:
    """Requests for one record batch of a file: its size, its footer, and the batch where the footer's window has it not."""
    return 2 if size <= FIRST_WINDOW else 1 + _reads_of_whole(piece)
