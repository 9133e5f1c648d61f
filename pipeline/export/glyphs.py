"""What the tokens of a vocabulary look like, as a matrix in a file: a row for each id, float32.

Rows of tokens that are not drawn (`draw_tokens` says which) are 0, all others of length 1. Rows are written some at a time.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pairloom.operators.embeddings.fonts import font_of
from pairloom.operators.embeddings.glyphs import draw_tokens, mean_rows, principal_rows
from pairloom.operators.errors import RecipeError, StorageError
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.local import local_path

__all__ = ["REDUCTIONS", "write_glyphs"]

REDUCTIONS = {"pca": principal_rows, "mean": mean_rows}
_SUFFIXES = (".npy", ".safetensors")
_SHOWN = 10


def write_glyphs(
    vocabulary: Vocabulary,
    font: str,
    out: str,
    *,
    dimensions: int = 1024,
    slots: int = 3,
    reduce: str = "pca",
) -> dict[str, Any]:
    """Write the matrix of a vocabulary's glyphs, by the font of a file; what it is.

    `out` ends with .npy or .safetensors, where the tensor is called `glyphs`. Raises RecipeError where something cannot be as it
    is asked for, DataError for a file that is no font.
    """
    path = local_path(out, "the file to write")
    if path.suffix not in _SUFFIXES:
        raise RecipeError(
            f"{out}: the matrix is written as .npy or .safetensors: let the name end with one of these"
        )
    if reduce not in REDUCTIONS:
        raise RecipeError(f"there is no reduction {reduce!r}; there are {', '.join(REDUCTIONS)}")
    if not 1 <= slots <= 16:
        raise RecipeError(f"a token has 1 to 16 places for characters, not {slots}")
    try:
        data = Path(font).read_bytes()
    except OSError as error:
        raise RecipeError(f"{font} cannot be read: {error.strerror}; name a font") from error
    drawn = draw_tokens(vocabulary, font_of(font, data), slots)
    if not drawn.drawn.any():
        raise RecipeError(f"{font} has a glyph for no character of any token; take another font")
    shape = (len(vocabulary), dimensions)
    matrix = np.zeros(shape, np.float32)
    try:
        for numbers, rows in REDUCTIONS[reduce](drawn, dimensions):
            matrix[numbers] = rows
    except ValueError as error:
        raise RecipeError(str(error)) from error
    _put(path, lambda file: _write(file, path.suffix, matrix))
    missing = sorted(drawn.missing, key=lambda one: (-drawn.missing[one], one))
    return {
        "out": str(path),
        "rows": shape[0],
        "dimensions": dimensions,
        "drawn": int(drawn.drawn.sum()),
        "zero": int(shape[0] - drawn.drawn.sum()),
        "missing": len(missing),
        "missing_first": [f"U+{ord(one):04X}" for one in missing[:_SHOWN]],
        "fingerprint": vocabulary.fingerprint,
    }


def _write(file: BinaryIO, suffix: str, matrix: Any) -> None:
    if suffix == ".npy":
        np.save(file, matrix, allow_pickle=False)
        return
    about = {"dtype": "F32", "shape": list(matrix.shape), "data_offsets": [0, matrix.nbytes]}
    head = json.dumps({"glyphs": about}, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    file.write(len(head).to_bytes(8, "little") + head)
    file.write(matrix.astype("<f4", copy=False).data)


def _put(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """A file that is there whole, or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
