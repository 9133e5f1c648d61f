"""A model that gets another vocabulary: the rows of its embeddings, and of its head, follow.

    MODEL/ ──▶ OUT/  the same shards, in which tensors with a row for each token have the rows of the new vocabulary
                     config.json           its size, and the ids of special tokens
                     transplant.rows.arrow one row a new row: where it comes from, and from which old ones
                     transplant.json       what was done, by which vocabularies; written last
                     transplant.begun.json  which files are being written: where it is left of a run that was killed, these are
                                           taken away, and it begins anew

Everything else of the shards is copied byte for byte. One shard is open at a time, and of a tensor so many rows are in memory as
make 64 MiB of old ones, whatever its size.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.embeddings import (
    NEEDS,
    ORIGINS,
    Given,
    Method,
    RowMap,
    Vectors,
    blocks,
    mean_row,
    method_of,
    new_rows,
    numbers_cut,
    padded,
    row_map,
    settings_of,
)
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import RecipeError, StorageError
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.export.given_vocabulary import roles_of
from pairloom.pipeline.inputs.words import token_counts, words_of_text
from pairloom.pipeline.local import local_path
from pairloom.pipeline.transplant.begun import writing
from pairloom.pipeline.transplant.model import CONFIGS, INDEX, Model, open_model, read_json, told_tokens
from pairloom.pipeline.transplant.safetensors import Tensor, TensorFile, write_tensors
from pairloom.pipeline.transplant.sources import Sources, donor_tensor, open_vectors

__all__ = ["files_written", "transplant", "write_rows"]

ROWS, DONE, BEGUN = "transplant.rows.arrow", "transplant.json", "transplant.begun.json"
NOTHING = Sources()
_NEEDED = {
    "counts": "text in which old tokens are counted",
    "old_vectors": "a file of vectors of tokens",
    "new_vectors": "a file of vectors of tokens",
    "donor": "a model of the new vocabulary",
}
_OPTIONS = {"counts": "--text", "old_vectors": "--vectors", "new_vectors": "--vectors", "donor": "--donor"}


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
    method: Method | None = None,
    sources: Sources = NOTHING,
) -> dict[str, Any]:
    """Write the model of `old` as one of `new` into the folder `out`; what was done.

    The number of rows is made a multiple of `pad_to`. `tensors` names those that have a row for each token, where they are not
    called as usual. Roles are special tokens by what they are for; what is not said is found by common names.

    Rows of tokens that only `new` has are made by a `method`, the mean of their pieces if none is given, of `sources`.
    Raises RecipeError where model and vocabulary do not belong together, where something that the method needs is
    missing, and where `out` has files already, but for those of a transplant that did not come to its end.
    """
    _check_bytes("old", old)
    _check_bytes("new", new)
    method = method_of("pieces") if method is None else method
    _check_needs(method, sources)
    opened = open_model(model, len(old), tensors)
    rows = row_map(
        old,
        new,
        old_roles=_own_roles(old) | dict(old_roles or {}),
        new_roles=_own_roles(new) | dict(new_roles or {}),
    )
    given = _given(method, Given(old=old, new=new, rows=rows), sources)
    other = None if sources.donor is None else open_model(sources.donor, len(new), which="new")
    folder = local_path(out, "the folder to write")
    with writing(folder, BEGUN, files_written(opened)):
        maps = _maps(method, given, pad_to, opened, other)
        lost = _write(opened, maps, padded(rows, pad_to), folder)
        files = _write_maps(folder, maps, new, {"old": old.fingerprint, "new": new.fingerprint})
        done = _told(opened, maps, files, given, lost) | {"method": settings_of(method), "out": out}
        (folder / DONE).write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    return done


def write_rows(
    old: Vocabulary,
    new: Vocabulary,
    out: str,
    *,
    old_roles: Mapping[str, str] | None = None,
    new_roles: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the table that `transplant` would write beside a model, without one: which old rows each token begins from."""
    _check_bytes("old", old)
    _check_bytes("new", new)
    rows = row_map(
        old,
        new,
        old_roles=_own_roles(old) | dict(old_roles or {}),
        new_roles=_own_roles(new) | dict(new_roles or {}),
    )
    path = local_path(out, "the file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_rows(path, rows, new, {"old": old.fingerprint, "new": new.fingerprint})
    except OSError as error:
        raise StorageError(f"cannot write {error.filename or path}: {error.strerror}") from error
    return {"out": str(path), "rows": len(rows), "origins": rows.counts}


def _check_bytes(which: str, vocabulary: Vocabulary) -> None:
    """Raise RecipeError for a vocabulary whose tokens are no bytes of words: what their pieces are is not known.

    What is cut into pieces are the bytes of new tokens, so that these need not be of words.
    """
    if which == "new" and vocabulary.model.spells:
        return
    try:
        Tokenizer(vocabulary).word_encoder()
    except RecipeError as error:
        raise RecipeError(
            f"the {which} vocabulary is of the model {vocabulary.model.name!r}, whose tokens are not the bytes of words: rows "
            "follow only from a vocabulary of bpe or lzw, to one of bpe, lzw or typed"
        ) from error


def _check_needs(method: Method, sources: Sources) -> None:
    """Raise RecipeError where something is missing that a method needs, or is given and not used."""
    used = {_OPTIONS[need] for need in method.needs}
    for need in NEEDS:
        if need in method.needs and not sources.of(need):
            raise RecipeError(
                f"the method {method.name} goes by {_NEEDED[need]}: name it with {_OPTIONS[need]}"
            )
        if _OPTIONS[need] not in used and sources.of(need):
            raise RecipeError(
                f"the method {method.name} does not go by {_NEEDED[need]}: leave {_OPTIONS[need]} out, or choose another --method"
            )


def _given(method: Method, given: Given, sources: Sources) -> Given:
    """What is settled, with the vectors and counts that the method needs."""
    if sources.vectors is not None:
        sizes = {"old": len(given.old), "new": len(given.new)}
        found = open_vectors(
            sources.vectors, {name: size for name, size in sizes.items() if f"{name}_vectors" in method.needs}
        )
        given = replace(given, old_vectors=found.get("old"), new_vectors=found.get("new"))
    if "counts" in method.needs:
        counts = sources.counts
        if counts is None:
            counts = token_counts(given.old, words_of_text(sources.text, sources.field, given.old))
        given = replace(given, counts=counts)
    return given


def _maps(method: Method, given: Given, pad_to: int, opened: Model, donor: Model | None) -> dict[str, RowMap]:
    """Where the rows of each tensor come from: one map for all, but where they follow a donor's, who has a tensor for each.

    A bias has the rows of the weight beside it, or of the first tensor.
    """
    names = [one.name for _, one in opened.tensors]
    if donor is None:
        return dict.fromkeys(names, padded(method.rows(given), pad_to))
    found: dict[str, RowMap] = {}
    made: dict[tuple[Path, str], RowMap] = {}
    for _, one in opened.tensors:
        if len(one.shape) == 2:
            shard, theirs = donor_tensor(donor, one.name)
            if (shard.path, theirs.name) not in made:
                vectors = Vectors(shard.rows(theirs), theirs.kind)
                rows = method.rows(replace(given, donor=vectors))
                made[shard.path, theirs.name] = padded(rows, pad_to)
            found[one.name] = made[shard.path, theirs.name]
    if not found:
        raise RecipeError(
            "the model has no tensor with more than a number a row: rows cannot follow a donor's"
        )
    first = next(iter(found.values()))
    return {name: found.get(name, found.get(name.removesuffix("bias") + "weight", first)) for name in names}


def _own_roles(vocabulary: Vocabulary) -> dict[str, str]:
    """The roles of special tokens; what only stands in for padding is not padding, or an end of text would become that."""
    found = roles_of(vocabulary)
    return {role: token for role, token in found.items() if role != "pad" or token != found.get("eos")}


def files_written(opened: Model) -> list[str]:
    """The names of all files that a transplant of a model may write, of those that it writes first, too."""
    shards = [shard.path.name for shard in opened.shards]
    tables = [_table(number) for number in range(len(opened.names))]
    return [
        *shards,
        *(f"{name}.part" for name in shards),
        *tables,
        INDEX,
        *CONFIGS,
        DONE,
        BEGUN,
        f"{BEGUN}.part",
    ]


def _table(number: int) -> str:
    return ROWS if not number else ROWS.replace(".arrow", f".{number + 1}.arrow")


def _write(opened: Model, maps: Mapping[str, RowMap], rows: RowMap, folder: Path) -> list[str]:
    """The shards, their index, and the configuration; which ids of special tokens it lost."""
    size = parameters = 0
    for shard in opened.shards:
        shapes = {one.name: (len(rows), *one.shape[1:]) for one in shard.tensors if one.name in opened.names}
        made = partial(_rows, maps, shard)
        parameters += sum(math.prod(shapes.get(one.name, one.shape)) for one in shard.tensors)
        size += write_tensors(folder / shard.path.name, shard, shapes, made)
    lost: list[str] = []
    if opened.folder is None:
        return lost
    if (opened.folder / INDEX).exists():
        index = read_json(opened.folder / INDEX)
        said = index.get("metadata") or {}
        counted = {"total_parameters": parameters} if "total_parameters" in said else {}
        index["metadata"] = {**said, **counted, "total_size": size}
        (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    for name in CONFIGS:
        if (opened.folder / name).exists():
            said, left = told_tokens(read_json(opened.folder / name), len(rows), rows.copied())
            (folder / name).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
            lost += [f"{name}: {key}" for key in left]
    return lost


def _rows(maps: Mapping[str, RowMap], shard: TensorFile, tensor: Tensor) -> Iterator[npt.NDArray[Any]]:
    old, rows = shard.rows(tensor), maps[tensor.name]
    everything = mean_row(old, tensor.kind, rows.old_tokens)
    for start, end in blocks(rows, old.shape[1]):
        yield new_rows(old, tensor.kind, rows, everything, start, end)


def _write_maps(
    folder: Path, maps: Mapping[str, RowMap], new: Vocabulary, facts: Mapping[str, str]
) -> dict[str, str]:
    """A table for each map; the name of its file by the names of tensors."""
    names: dict[int, str] = {}
    for rows in maps.values():
        if id(rows) not in names:
            names[id(rows)] = _table(len(names))
            _write_rows(folder / names[id(rows)], rows, new, facts)
    return {name: names[id(rows)] for name, rows in maps.items()}


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
            "weights": pa.LargeListArray.from_arrays(offsets, pa.array(rows.weights)),
        }
    ).replace_schema_metadata({b"pairloom": json.dumps(facts, sort_keys=True).encode()})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _told(
    opened: Model, maps: Mapping[str, RowMap], files: Mapping[str, str], given: Given, lost: list[str]
) -> dict[str, Any]:
    old, new = given.old, given.new
    rows = next(iter(maps.values()))
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
                "rows": files[one.name],
            }
            for shard, one in opened.tensors
        ],
        "numbers": {"old": numbers_cut(old), "new": numbers_cut(new)},
        "lost": lost,
    }
