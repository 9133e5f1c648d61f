"""Documents that exist in several languages, as sums by language: the text that token premiums are of."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.premium import ParallelText
from pairloom.operators.order import document_keys
from pairloom.pipeline.corpus import Unit
from pairloom.pipeline.readers import read

__all__ = ["read_parallel"]

MOST = 0.9  # a language that has fewer of the documents than this share of the language with most is left out


def read_parallel(
    units: Sequence[Unit],
    vocabulary: Vocabulary,
    *,
    language: str,
    key: str,
    limit: int,
    seed: int,
    max_record_bytes: int = 1 << 30,
) -> dict[str, ParallelText]:
    """Sums over the documents that every language has: those whose field `key` has the same value.

    Documents are taken by a seeded hash of the key, so that all the translations of one are taken or none; a language
    that has less than nine tenths of the documents of the language with most is left out. Of several documents with one
    key and language, the first counts. Raises RecipeError where no two languages share documents.
    """
    share = min(1.0, limit / max(1, sum(unit.bytes for unit in units)))
    found: dict[str, dict[str, tuple[int, int, int, int]]] = {}
    for unit in units:
        for names, keys, texts in _aligned(unit, language, key, max_record_bytes):
            taken = np.ones(len(texts), np.bool_)
            if share < 1.0:
                taken = document_keys(keys, seed) >> np.uint64(32) < np.uint64(int(share * 2.0**32))
            mask = pa.array(taken)
            rows = _measured(vocabulary, texts.filter(mask))
            pairs = zip(names.filter(mask).to_pylist(), keys.filter(mask).to_pylist(), strict=True)
            for (name, value), row in zip(pairs, rows, strict=True):
                found.setdefault(name, {}).setdefault(value, row)
    most = max((len(documents) for documents in found.values()), default=0)
    kept = {name: documents for name, documents in found.items() if len(documents) >= MOST * most}
    shared = sorted(set.intersection(*(set(documents) for documents in kept.values()))) if kept else []
    if len(kept) < 2 or not shared:
        raise RecipeError(
            f"token premiums need documents in two languages or more that share {key!r}; found "
            + (", ".join(f"{len(d):,} in {n}" for n, d in sorted(found.items())) or "none with both fields")
        )
    return {name: _sum([documents[value] for value in shared]) for name, documents in sorted(kept.items())}


def _aligned(
    unit: Unit, language: str, key: str, max_record_bytes: int
) -> Iterator[tuple[pa.LargeStringArray, pa.LargeStringArray, pa.LargeStringArray]]:
    """(language, key, text) of the records that have all three. A reader hands on one field besides the text: read twice."""
    for piece in unit.slices:
        rows, keys = [np.zeros(0, np.int64)], [pa.array([], pa.large_string())]
        for batch in read(piece, text=unit.text, id=key, max_record_bytes=max_record_bytes):
            if batch.ids is not None:
                rows.append(batch.rows)
                keys.append(batch.ids)
        known, values = np.concatenate(rows), pa.concat_arrays(keys)
        for batch in read(piece, text=unit.text, id=language, max_record_bytes=max_record_bytes):
            if batch.ids is None:
                continue
            both = pc.and_(pa.array(np.isin(batch.rows, known)), pc.greater(pc.binary_length(batch.texts), 0))
            at = np.searchsorted(known, batch.rows[both.to_numpy(zero_copy_only=False)])
            yield batch.ids.filter(both), values.take(pa.array(at)), batch.texts.filter(both)


def _measured(vocabulary: Vocabulary, texts: pa.LargeStringArray) -> Iterator[tuple[int, int, int, int]]:
    tokens = pc.list_value_length(vocabulary.encode(texts)).to_pylist()
    sizes, characters = pc.binary_length(texts).to_pylist(), pc.utf8_length(texts).to_pylist()
    spaces = pc.count_substring_regex(texts, r"\s").to_pylist()
    return zip(tokens, sizes, characters, spaces, strict=True)


def _sum(rows: list[tuple[int, int, int, int]]) -> ParallelText:
    tokens, sizes, characters, spaces = (sum(column) for column in zip(*rows, strict=True))
    return ParallelText(
        documents=len(rows), tokens=tokens, bytes=sizes, characters=characters, whitespace=spaces
    )
