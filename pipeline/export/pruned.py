"""A vocabulary without the tokens that a corpus misses least, as files.

tokenizer.json         the tokens that stay, in the order of their ids
tokenizer.rows.arrow   one row a new token, as `pairloom transplant` writes it: id, token, origin, old_ids, weights
tokenizer.map.arrow    one row an old token: old_id, token, and the new_ids that it is now, its parts where it is left out
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.models.bpe.pruning import Pruned, prune
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.extension import METADATA, rows_path

__all__ = ["map_path", "prune_vocabulary"]


def prune_vocabulary(vocabulary: Vocabulary, dataset: Dataset, size: int, out: str) -> dict[str, Any]:
    """Leave tokens out as `prune` says, by how often each is in the rows of a dataset, and write the files; what became of it.

    Raises RecipeError where the dataset has the ids of another vocabulary, or so many tokens cannot be left out.
    """
    if dataset.vocabulary() != vocabulary:
        raise RecipeError(
            "the corpus is in the ids of another vocabulary: make it with this one first (vocabulary.from in its recipe, then run)"
        )
    counts = np.zeros(len(vocabulary), np.int64)
    for length in dataset.seq_lens():
        for batch in dataset.batches(seq_len=length):
            ids = batch.column(INPUT_IDS).flatten().to_numpy(zero_copy_only=False)
            counts += np.bincount(ids, minlength=len(vocabulary))
    made = prune(vocabulary, counts, size)
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"old": vocabulary.fingerprint, "new": made.vocabulary.fingerprint}
    for place, table in (
        (rows_path(out), _rows(made)),
        (map_path(out), _map(vocabulary, made)),
    ):
        told = table.replace_schema_metadata({METADATA: json.dumps(facts, sort_keys=True).encode()})
        with pa.OSFile(str(place), "wb") as file, pa.ipc.new_file(file, told.schema) as writer:
            writer.write_table(told)
    made.vocabulary.save(path)
    return {
        "out": str(path),
        "rows": str(rows_path(out)),
        "map": str(map_path(out)),
        "tokens": len(made.vocabulary),
        "left_out": len(vocabulary) - len(made.vocabulary),
        "corpus_tokens": int(counts.sum()),
        "more_tokens": made.added,
        "fingerprint": made.vocabulary.fingerprint,
    }


def map_path(out: str) -> Path:
    """Where the file beside a vocabulary is that says what each old token is now."""
    return Path(out).with_suffix(".map.arrow")


def _rows(made: Pruned) -> pa.Table:
    whole = np.flatnonzero(np.diff(made.offsets) == 1)
    old = np.full(len(made.vocabulary), -1, np.int64)
    # A token that is left out may be one other token only where it had one part, which none has.
    old[made.new_ids[made.offsets[whole]]] = whole
    ends = pa.array(np.arange(len(old) + 1), pa.int64())
    return pa.table(
        {
            "id": pa.array(np.arange(len(old)), pa.uint32()),
            "token": pa.array(list(made.vocabulary.tokens), pa.binary()),
            "origin": pa.array(["same"] * len(old)),
            "old_ids": pa.LargeListArray.from_arrays(ends, pa.array(old, pa.uint32())),
            "weights": pa.LargeListArray.from_arrays(ends, pa.array(np.ones(len(old), np.float32))),
        }
    )


def _map(vocabulary: Vocabulary, made: Pruned) -> pa.Table:
    return pa.table(
        {
            "old_id": pa.array(np.arange(len(vocabulary)), pa.uint32()),
            "token": pa.array(list(vocabulary.tokens), pa.binary()),
            "new_ids": pa.LargeListArray.from_arrays(
                pa.array(made.offsets, pa.int64()), pa.array(made.new_ids, pa.uint32())
            ),
        }
    )
