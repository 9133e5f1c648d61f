"""A model that gets another vocabulary: the rows of its embeddings, and of its head, follow.

    MODEL/ ──▶ OUT/  the same shards, in which tensors with a row for each token have the rows of the new vocabulary
                     config.json           its size, and the ids of special tokens
                     transplant.rows.arrow one row a new row: where it comes from, and from which old ones
                     transplant.json       what was done, by which vocabularies; written last

Everything else of the shards is copied byte for byte. One shard is open at a time, and of a tensor so many rows are in memory as
make 64 MiB of old ones, whatever its size.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.embeddings import ORIGINS, RowMap, blocks, mean_row, new_rows, padded, row_map
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import RecipeError, StorageError
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.export.folder import roles_of
from pairloom.pipeline.transplant.model import CONFIGS, INDEX, Model, open_model, read_json, told_tokens
from pairloom.pipeline.transplant.safetensors import Tensor, TensorFile, write_tensors

__all__ = ["transplant"]

ROWS, DONE = "transplant.rows.arrow", "transplant.json"


def transplant(
    old: Vocabulary,
    new: Vocabulary,
    model: str,
    out: str,
    *,
    pad_to: int = 1,
    tensors: tuple[str, ...] = (),
    old_roles: Mapping[str, str] | None = None,
    new_roles: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the model of `old` as one of `new` into the folder `out`; what was done.

    The number of rows is made a multiple of `pad_to`. `tensors` names those that have a row for each token, where they are not
    called as usual. Roles are special tokens by what they are for; what is not said is found by common names. Raises RecipeError
    where model and vocabulary do not belong together, and where `out` has files already.
    """
    _check_bytes("old", old)
    _check_bytes("new", new)
    opened = open_model(model, len(old), tensors)
    rows = padded(
        row_map(
            old,
            new,
            old_roles=_own_roles(old) | dict(old_roles or {}),
            new_roles=_own_roles(new) | dict(new_roles or {}),
        ),
        pad_to,
    )
    folder = Path(out)
    _make(folder)
    try:
        lost = _write(opened, rows, folder)
        _write_rows(folder / ROWS, rows, new, {"old": old.fingerprint, "new": new.fingerprint})
        done = _told(opened, rows, old, new, lost) | {"out": out}
        (folder / DONE).write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return done


def _check_bytes(which: str, vocabulary: Vocabulary) -> None:
    """Raise RecipeError for a vocabulary whose tokens are no bytes of words: what their pieces are is not known."""
    try:
        Tokenizer(vocabulary).word_encoder()
    except RecipeError as error:
        raise RecipeError(
            f"the {which} vocabulary is of the model {vocabulary.model.name!r}, whose tokens are not the bytes of words: rows "
            "follow only between vocabularies that are (bpe, lzw)"
        ) from error


def _own_roles(vocabulary: Vocabulary) -> dict[str, str]:
    """The roles of special tokens; what only stands in for padding is not padding, or an end of text would become that."""
    found = roles_of(vocabulary)
    return {role: token for role, token in found.items() if role != "pad" or token != found.get("eos")}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except OSError as error:
        raise RecipeError(f"{folder} cannot be made: {error.strerror}; choose another folder") from error
    if used:
        raise RecipeError(f"{folder} is not empty: choose another folder")


def _write(opened: Model, rows: RowMap, folder: Path) -> list[str]:
    """The shards, their index, and the configuration; which ids of special tokens it lost."""
    size = 0
    for shard in opened.shards:
        shapes = {one.name: (len(rows), *one.shape[1:]) for one in shard.tensors if one.name in opened.names}
        made = partial(_rows, rows, shard)
        size += write_tensors(folder / shard.path.name, shard, shapes, made)
    lost: list[str] = []
    if opened.folder is None:
        return lost
    if (opened.folder / INDEX).exists():
        index = read_json(opened.folder / INDEX)
        index["metadata"] = {**(index.get("metadata") or {}), "total_size": size}
        (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    for name in CONFIGS:
        if (opened.folder / name).exists():
            said, left = told_tokens(read_json(opened.folder / name), len(rows), rows.copied())
            (folder / name).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
            lost += [f"{name}: {key}" for key in left]
    return lost


def _rows(rows: RowMap, shard: TensorFile, tensor: Tensor) -> Iterator[npt.NDArray[Any]]:
    old = shard.rows(tensor)
    everything = mean_row(old, tensor.kind, rows.old_tokens)
    for start, end in blocks(rows, old.shape[1]):
        yield new_rows(old, tensor.kind, rows, everything, start, end)


def _write_rows(path: Path, rows: RowMap, new: Vocabulary, facts: Mapping[str, str]) -> None:
    """Where each row comes from, as a table."""
    tokens: list[bytes | None] = [*new.tokens]
    tokens += [None] * (len(rows) - len(tokens))
    offsets = pa.array(rows.offsets, pa.int64())
    table = pa.table(
        {
            "id": pa.array(np.arange(len(rows)), pa.uint32()),
            "token": pa.array(tokens, pa.binary()),
            "origin": pa.array(ORIGINS).take(pa.array(rows.origin)),
            "old_ids": pa.LargeListArray.from_arrays(offsets, pa.array(rows.ids, pa.uint32())),
            "weights": pa.LargeListArray.from_arrays(offsets, pa.array(rows.weights, pa.float32())),
        }
    ).replace_schema_metadata({b"pairloom": json.dumps(facts, sort_keys=True).encode()})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _told(opened: Model, rows: RowMap, old: Vocabulary, new: Vocabulary, lost: list[str]) -> dict[str, Any]:
    return {
        "old": {"tokens": len(old), "fingerprint": old.fingerprint},
        "new": {"tokens": len(new), "fingerprint": new.fingerprint},
        "rows": len(rows),
        "origins": rows.counts,
        "tensors": [
            {
                "name": one.name,
                "file": shard.path.name,
                "kind": one.kind,
                "before": list(one.shape),
                "after": [len(rows), *one.shape[1:]],
            }
            for shard, one in opened.tensors
        ],
        "lost": lost,
    }
