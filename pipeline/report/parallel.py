"""Documents that exist in several languages, as sums by language: the text that token premiums are of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Vocabulary
from pairloom.operators.encode import Tokenizer, tokenizer_of
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.premium import ParallelText
from pairloom.operators.selection.order import document_keys
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.tasks import Found, InputTask, results
from pairloom.pipeline.report.text import as_strings, below

__all__ = ["ParallelTask", "read_parallel"]

MOST = 0.9  # a language that has fewer of the documents than this share of the language with most is left out
ROWS = pa.schema(
    [("language", pa.large_string()), ("key", pa.large_string())]
    + [(name, pa.int64()) for name in ("tokens", "bytes", "characters", "whitespace")]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelTask(InputTask):
    """Measure the documents of one unit that have a language and a key; the shared value is the tokenizer.

    Those are taken where the upper half of a hash of the key is below `share` of all hashes.
    """

    what: ClassVar[str] = "parallel"

    language: str
    key: str
    share: float
    seed: int
    max_record_bytes: int

    def need(self) -> int:
        """The tables of the encoder, and a few batches of text and tokens."""
        return 800_000_000

    def run(self, shared: Tokenizer) -> Found:
        """Read, encode, measure."""
        made = [ROWS.empty_table()]
        used: dict[str, npt.NDArray[np.bool_]] = {}
        for names, keys, texts in _aligned(self.input, self.language, self.key, self.max_record_bytes):
            taken = pa.array(below(document_keys(keys, self.seed), self.share))
            chosen = texts.filter(taken)
            languages, encoded = names.filter(taken), shared.encode(chosen)
            made.append(pa.table([languages, keys.filter(taken), *_measured(chosen, encoded)], schema=ROWS))
            for name in pc.unique(languages).to_pylist():
                ids = encoded.filter(pc.equal(languages, name)).flatten().to_numpy()
                used.setdefault(name, np.zeros(len(shared.vocabulary), np.bool_))[ids] = True
        rows = pa.concat_tables(made).combine_chunks()
        packed = {name: np.packbits(bits) for name, bits in used.items()}
        return Found(value=(rows, packed), documents=len(rows))


def read_parallel(
    units: Sequence[Unit],
    vocabulary: Vocabulary,
    options: Options,
    executor: Executor,
    *,
    max_record_bytes: int = 1 << 30,
) -> tuple[dict[str, ParallelText], dict[str, npt.NDArray[np.bool_]]]:
    """Sums over the documents that every language has: those whose field `options.parallel` has the same value.

    For a sample, documents are taken by a seeded hash of the key, so that all the translations of one are taken or none; a
    language that has less than nine tenths of the documents of the language with most is left out. Of several documents
    with one key and language, the first of the corpus counts. What is held is a row of numbers for each document. Besides,
    by language, bool[V]: which tokens its documents that have a key use. Raises RecipeError where no two languages share
    documents.
    """
    assert options.by is not None
    assert options.parallel is not None
    total = max(1, sum(unit.bytes for unit in units))
    tasks = [
        ParallelTask(
            input=unit,
            number=number,
            language=options.by,
            key=options.parallel,
            share=1.0 if options.sample_bytes is None else min(1.0, options.sample_bytes / total),
            seed=options.seed,
            max_record_bytes=max_record_bytes,
        )
        for number, unit in enumerate(units)
    ]
    made = dict(
        results(
            "parallel",
            tasks,
            sizes=[unit.bytes for unit in units],
            executor=executor,
            observe=options.observe,
            shared=tokenizer_of(vocabulary).prepared(),
        )
    )
    table = pa.concat_tables([ROWS.empty_table(), *(made[i][0] for i in range(len(tasks)))])
    used: dict[str, npt.NDArray[np.uint8]] = {}
    for _, packed in made.values():
        for name, bits in packed.items():
            used[name] = used[name] | bits if name in used else bits
    firsts = table.group_by(["language", "key"], use_threads=False).aggregate(
        [(name, "first") for name in ROWS.names[2:]]
    )
    firsts = firsts.rename_columns([name.removesuffix("_first") for name in firsts.column_names]).select(
        ROWS.names
    )
    texts = _shared(firsts, options.parallel)
    return texts, {name: np.unpackbits(used[name], count=len(vocabulary)).astype(np.bool_) for name in texts}


def _shared(rows: pa.Table, key: str) -> dict[str, ParallelText]:
    """The sums over the documents that all kept languages have."""
    sizes = {row["values"]: row["counts"] for row in rows.column("language").value_counts().to_pylist()}
    most = max(sizes.values(), default=0)
    kept = sorted(name for name, size in sizes.items() if size >= MOST * most)
    rows = rows.filter(pc.is_in(rows.column("language"), pa.array(kept, pa.large_string())))
    counts = rows.column("key").value_counts()
    everywhere = counts.filter(pc.equal(pc.struct_field(counts, "counts"), len(kept)))
    if len(kept) < 2 or not len(everywhere):
        raise RecipeError(
            f"token premiums need documents in two languages or more that share {key!r}; found "
            + (
                ", ".join(f"{size:,} in {name}" for name, size in sorted(sizes.items()))
                or "none with both fields"
            )
        )
    rows = rows.filter(pc.is_in(rows.column("key"), pc.struct_field(everywhere, "values")))
    sums = rows.group_by("language").aggregate(
        [("key", "count"), *((name, "sum") for name in ROWS.names[2:])]
    )
    return {
        row["language"]: ParallelText(
            documents=row["key_count"],
            tokens=row["tokens_sum"],
            bytes=row["bytes_sum"],
            characters=row["characters_sum"],
            whitespace=row["whitespace_sum"],
        )
        for row in sums.sort_by("language").to_pylist()
    }


def _aligned(
    unit: Unit, language: str, key: str, max_record_bytes: int
) -> Iterator[tuple[pa.LargeStringArray, pa.LargeStringArray, pa.LargeStringArray]]:
    """(language, key, text) of the documents that have all three."""
    for batch in Intake(unit.also(language, key), max_record_bytes).documents():
        names, keys = as_strings(batch, language), as_strings(batch, key)
        both = pc.and_(names.is_valid(), keys.is_valid())
        yield names.filter(both), keys.filter(both), batch.content.filter(both)


def _measured(texts: pa.LargeStringArray, encoded: pa.ListArray) -> list[pa.Int64Array]:
    """Tokens, bytes, characters and white space of each document."""
    tokens = pc.list_value_length(encoded)
    spaces = pc.count_substring_regex(texts, r"\s")
    measured = (tokens, pc.binary_length(texts), pc.utf8_length(texts), spaces)
    return [column.cast(pa.int64()) for column in measured]
