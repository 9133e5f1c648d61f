"""The files of a model: its shards, which of their tensors have a row for each token, and what its configuration says of tokens."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairloom.operators.embeddings import FLOATS
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.expected import unreadable
from pairloom.pipeline.local import local_path
from pairloom.pipeline.transplant.safetensors import Tensor, TensorFile, open_tensors

__all__ = ["CONFIGS", "INDEX", "Model", "is_head", "open_model", "read_json", "told_tokens"]

INDEX = "model.safetensors.index.json"
CONFIGS = ("config.json", "generation_config.json")

# How the tensors are called that have a row for each token: what a name ends with, or is.
INPUTS = (
    "embed_tokens.weight",
    "embed_in.weight",
    "tok_embeddings.weight",
    "tokens_embed.weight",
    "word_embeddings.weight",
    "wte.weight",
)
HEADS = (
    "lm_head.weight",
    "lm_head.bias",
    "embed_out.weight",
    "lm_head.decoder.weight",
    "lm_head.decoder.bias",
    "predictions.decoder.weight",
    "predictions.decoder.bias",
    "predictions.bias",
)
# Keys of a configuration with ids of tokens: how they end, and those that are called otherwise.
IDS = ("token_id", "token_ids", "token_index")
SUPPRESSED = ("suppress_tokens", "begin_suppress_tokens")
WHOLE = ("output.weight", "shared.weight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The shards of a model, the names of the tensors that have a row for each token, and its folder, if it is one."""

    shards: tuple[TensorFile, ...]
    names: tuple[str, ...]
    folder: Path | None

    @property
    def tensors(self) -> Iterator[tuple[TensorFile, Tensor]]:
        """Each of those tensors, with its file."""
        for shard in self.shards:
            yield from ((shard, one) for one in shard.tensors if one.name in self.names)


def open_model(path: str, tokens: int, names: tuple[str, ...] = (), which: str = "old") -> Model:
    """A file of safetensors, or a folder of them with its index; `names` are the tensors, else those called as usual.

    `which` vocabulary it is that has so many tokens is said where they do not fit.

    Raises RecipeError where there is no such file, no such tensor, one has fewer rows than there are tokens, or another one seems
    to have a row for each token, too, and would stay as it is; and DataError for a file that is damaged.
    """
    at = local_path(path, f"the model of the {which} vocabulary")
    files = sorted(_shards(at)) if at.is_dir() else [at]
    shards = tuple(open_tensors(file) for file in files)
    held = {tensor.name: (shard, tensor) for shard in shards for tensor in shard.tensors}
    if missing := [name for name in names if name not in held]:
        raise RecipeError(f"{path} has no tensor {missing[0]}: it has {_some(held)}")
    found = names or tuple(name for name in held if _usual(name))
    if not found:
        raise RecipeError(
            f"{path} has no tensor whose name is that of an embedding: name it with --tensor; it has {_some(held)}"
        )
    for name in found:
        shard, tensor = held[name]
        if tensor.kind not in FLOATS:
            raise RecipeError(
                f"{shard.path}: {name} is stored as {tensor.kind}, of which no mean can be stored: bring a copy of the model in "
                f"one of {', '.join(FLOATS)}"
            )
        if not 1 <= len(tensor.shape) <= 2 or tensor.shape[0] < tokens:
            raise RecipeError(
                f"{shard.path}: {name} is {list(tensor.shape)}, and the {which} vocabulary has {tokens:,} tokens: it is none of "
                "this model; name the vocabulary that the model was trained with"
            )
    _check_others(path, held, names, found)
    return Model(shards=shards, names=found, folder=at if at.is_dir() else None)


def is_head(name: str) -> bool:
    """Whether a tensor is called as the heads of models are.

    >>> is_head("lm_head.weight"), is_head("model.embed_tokens.weight")
    (True, False)
    """
    return name == "output.weight" or any(name == tail or name.endswith(f".{tail}") for tail in HEADS)


def read_json(path: Path) -> dict[str, Any]:
    """A file of JSON with an object in it; raises RecipeError where it cannot be read, DataError for anything else."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise unreadable(str(path), error) from error
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds no object")
    return found


def told_tokens(
    said: Mapping[str, Any], rows: int, ids: Mapping[int, int]
) -> tuple[dict[str, Any], list[str]]:
    """A configuration for the new vocabulary, and which ids of tokens were left out, since no new token has their row.

    `ids` is the new id of each old one. Keys that end with `token_id`, `token_ids` or `token_index` are ids, and so are
    tokens that are never to be written (`suppress_tokens`); `vocab_size` is how many rows there are.

    >>> told_tokens({"vocab_size": 9, "eos_token_id": [7, 8], "bos_token_id": 3}, 12, {7: 1, 8: 2})
    ({'vocab_size': 12, 'eos_token_id': [1, 2]}, ['bos_token_id'])
    """
    found: dict[str, Any] = {}
    lost: list[str] = []
    for key, value in said.items():
        if key == "vocab_size":
            found[key] = rows
        elif key == "bad_words_ids" and isinstance(value, list):
            found[key] = [[ids[one] for one in word] for word in value if all(one in ids for one in word)]
            if len(found[key]) < len(value):
                lost.append(key)
        elif (key.endswith(IDS) or key in SUPPRESSED) and value is not None:
            many = value if isinstance(value, list) else [value]
            kept = [ids[one] for one in many if isinstance(one, int) and one in ids]
            if kept:
                found[key] = kept if isinstance(value, list) else kept[0]
            if len(kept) < len(many):
                lost.append(key)
        elif isinstance(value, dict) and "vocab_size" in value:
            found[key], inner = told_tokens(value, rows, ids)
            lost += [f"{key}.{one}" for one in inner]
        else:
            found[key] = value
    return found, lost


def _check_others(
    path: str,
    held: Mapping[str, tuple[TensorFile, Tensor]],
    names: tuple[str, ...],
    found: tuple[str, ...],
) -> None:
    """Raise RecipeError for a tensor that would keep the rows of the old vocabulary beside those in `found`, which do not.

    Names that are given are taken for all there are, but for those called as usual.
    """
    rows = {held[name][1].shape[0] for name in found}
    if names:
        left = [name for name in held if _usual(name) and name not in names]
    else:
        left = [name for name, (_, one) in held.items() if name not in found and _a_row_each(one, rows)]
    if left:
        raise RecipeError(
            f"{path}: {left[0]} has a row for each token, too, by its {'name' if names else 'shape'}, and would stay as it is: "
            f"name all that have with --tensor (now {', '.join(found)})"
        )


def _a_row_each(one: Tensor, rows: Collection[int]) -> bool:
    """Whether a tensor is shaped as an embedding of so many rows, or as the bias of a head."""
    matrix = len(one.shape) == 2 and one.shape[0] in rows
    bias = one.name.endswith("bias") and one.shape[-1:] != () and one.shape[-1] in rows
    return matrix or (bias and len(one.shape) <= 2)


def _shards(folder: Path) -> set[Path]:
    if (folder / INDEX).exists():
        names = read_json(folder / INDEX).get("weight_map")
        if not isinstance(names, dict) or not all(
            isinstance(name, str) and Path(name).name == name for name in names.values()
        ):
            raise DataError(
                f"{folder / INDEX}: has no weight_map that says in which file of this folder each tensor is"
            )
        return {folder / name for name in names.values()}
    found = set(folder.glob("*.safetensors"))
    if not found:
        raise RecipeError(f"{folder} has no .safetensors file")
    return found


def _usual(name: str) -> bool:
    tails = (*INPUTS, *HEADS)
    return name in WHOLE or any(name == tail or name.endswith(f".{tail}") for tail in tails)


def _some(names: Mapping[str, Any]) -> str:
    first = list(names)[:8]
    return ", ".join(first) + (f" and {len(names) - 8:,} others" if len(names) > 8 else "")
