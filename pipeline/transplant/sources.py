"""What methods go by beside the vocabularies, as files: vectors of tokens, the rows of a model that has the new vocabulary."""

import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings import FLOATS, Vectors
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.expected import unreadable
from pairloom.pipeline.local import local_path
from pairloom.pipeline.transplant.model import Model, is_head
from pairloom.pipeline.transplant.safetensors import Tensor, TensorFile, open_tensors

__all__ = ["Sources", "donor_tensor", "open_vectors"]

_KINDS = {np.dtype(dtype): kind for kind, dtype in FLOATS.items() if kind != "BF16"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sources:
    """Where it is: `vectors` of tokens in a file, a `donor`, which is a model of the new vocabulary, `text` in some `field`.

    How often each old token occurs may be known instead of text: `counts`.
    """

    vectors: str | None = None
    donor: str | None = None
    text: tuple[str, ...] = ()
    field: str = "text"
    counts: npt.NDArray[np.int64] | None = None

    def of(self, need: str) -> object:
        """What is given for one of `NEEDS`."""
        there = {"counts": self.text or self.counts is not None, "donor": self.donor}
        return there.get(need, self.vectors)


def open_vectors(path: str, tokens: dict[str, int]) -> dict[str, Vectors]:
    """Vectors by what they are of (`old`, `new`), each a row for each of so many tokens; a .npz or .safetensors file.

    Of a .safetensors file parts are read when they are needed. Raises RecipeError where one is not there, or fits neither the
    vocabulary nor the other, and DataError for a file that is damaged.
    """
    held = _arrays(path) if path.endswith(".npz") else _tensors(path)
    found = {}
    for name, rows in tokens.items():
        if name not in held:
            raise RecipeError(
                f"{path} has no {name!r}, only {', '.join(sorted(held)) or 'nothing'}: store the vectors of the tokens of the "
                f"{name} vocabulary under this name, a row for each of {rows:,} ids"
            )
        one = held[name]
        if one.values.ndim != 2 or len(one) < rows or not one.width:
            raise RecipeError(
                f"{path}: {name} is {list(one.values.shape)}, and the {name} vocabulary has {rows:,} tokens: store a row "
                "for each id"
            )
        found[name] = one
    if len({one.width for one in found.values()}) > 1:
        raise RecipeError(
            f"{path}: old has {found['old'].width} numbers a row and new has {found['new'].width}: both must be of one space"
        )
    return found


def donor_tensor(donor: Model, name: str) -> tuple[TensorFile, Tensor]:
    """The tensor of a model that stands for one of another: of the same name, else a head for a head, else its embedding."""
    held = [(shard, one) for shard, one in donor.tensors if len(one.shape) == 2]
    if not held:
        raise RecipeError("the donor has no embedding with a row for each token: name one with its tensors")
    alike = [pair for pair in held if pair[1].name == name]
    alike += [pair for pair in held if is_head(pair[1].name) == is_head(name)]
    return (alike or held)[0]


def _arrays(path: str) -> dict[str, Vectors]:
    try:
        with (
            local_path(path, "the file of vectors").open("rb") as opened,
            np.load(opened, allow_pickle=False) as file,
        ):
            arrays: dict[str, npt.NDArray[Any]] = {name: file[name] for name in file.files}
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise DataError(
            f"{path}: is no .npz file of arrays ({error}); write it anew by numpy.savez"
        ) from error
    for name, array in arrays.items():
        if array.dtype not in _KINDS:
            raise RecipeError(f"{path}: {name} is of {array.dtype}: store float16, float32 or float64")
    return {name: Vectors(array, _KINDS[array.dtype]) for name, array in arrays.items()}


def _tensors(path: str) -> dict[str, Vectors]:
    file = open_tensors(local_path(path, "the file of vectors"))
    found = {}
    for one in file.tensors:
        if one.name not in ("old", "new"):
            continue
        if one.kind not in FLOATS or len(one.shape) != 2:
            raise RecipeError(
                f"{path}: {one.name} is {one.kind}{list(one.shape)}: store rows of {', '.join(FLOATS)}"
            )
        found[one.name] = Vectors(file.rows(one), one.kind)
    return found
