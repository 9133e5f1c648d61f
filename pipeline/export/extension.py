"""A vocabulary with the tokens of another one appended, as files: the vocabulary, and where each new token comes from.

    tokenizer.json         the old vocabulary, whose ids never move, and then the new tokens
    tokenizer.rows.arrow   one row a new token: its id and bytes, where it comes from, and the old ids that it was before

Each new row of an embedding begins well as the mean of the old rows `pieces`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.models.bpe.extend import Extension, appended, old_pieces, unreachable_tokens
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import ordinary_index
from pairloom.pipeline.local import local_path

__all__ = ["append_vocabulary", "rows_path"]

METADATA = b"pairloom"


def append_vocabulary(
    old: Vocabulary, new: Vocabulary, out: str, *, size: int | None = None, repair: bool = True
) -> dict[str, Any]:
    """Append the tokens of `new` to `old`, in the order of their ids, and write the files; what became of them.

    Up to `size` tokens in all (otherwise as many as there are). Tokens that no text would reach are given the merges that
    lead to them, or without `repair` are left out. Raises RecipeError where nothing can be appended.
    """
    made = appended(old, new, size=size, repair=repair)
    ids = np.arange(len(old), len(made.vocabulary))
    lost = unreachable_tokens(made.vocabulary, ids)
    path = local_path(out, "the file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    table = _rows(old, new, made)
    with pa.OSFile(str(rows_path(out)), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    made.vocabulary.save(path)
    return {
        "out": str(path),
        "rows": str(rows_path(out)),
        "tokens": len(made.vocabulary),
        "base_tokens": len(old),
        "appended": len(ids) - len(made.between),
        "between": len(made.between),
        "left_out": len(made.unreachable),
        "reachable": len(ids) - len(lost),
        "fingerprint": made.vocabulary.fingerprint,
    }


def rows_path(out: str) -> Path:
    """Where the file beside a vocabulary is that says where its new tokens come from."""
    return Path(out).with_suffix(".rows.arrow")


def _rows(old: Vocabulary, new: Vocabulary, made: Extension) -> pa.Table:
    offsets, pieces = old_pieces(old, made.vocabulary)
    ids = range(len(old), len(made.vocabulary))
    tokens, theirs = [made.vocabulary.tokens[i] for i in ids], ordinary_index(new.tokens, new.special_ids)
    between = set(made.between.tolist())
    facts = {"base": old.fingerprint, "from": new.fingerprint, "vocabulary": made.vocabulary.fingerprint}
    columns = {
        "id": pa.array(ids, pa.uint32()),
        "token": pa.array(tokens, pa.binary()),
        "origin": pa.array(["between" if i in between else "appended" for i in ids], pa.string()),
        "their_id": pa.array([theirs.get(token) for token in tokens], pa.uint32()),
        "pieces": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(pieces, pa.uint32())),
    }
    metadata = {METADATA: json.dumps(facts, sort_keys=True).encode()}
    return pa.table(columns).replace_schema_metadata(metadata)
