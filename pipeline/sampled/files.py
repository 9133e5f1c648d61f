"""Vocabularies that are drawn, step by step, as the files that a training of hypernetworks reads.

    OUT/step-00000012.json       the vocabulary: a tokenizer.json
    OUT/step-00000012.npy        int32[its tokens, width]: each token as ids of the base, then padding
    OUT/steps-00000000-00000099.json   what was drawn for these steps; written last

A step depends on the text, the seed and its number alone, so that ranges of steps may be drawn by different processes.
"""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary, count_words
from pairloom.operators.errors import DataError, RecipeError, StorageError
from pairloom.operators.sampled import Draw, draw_documents, draw_vocabulary, surface_forms
from pairloom.operators.sampled.drawing import WORDS
from pairloom.pipeline.inputs.words import texts_of
from pairloom.pipeline.local import local_path

__all__ = ["draw_steps", "write_forms"]


def draw_steps(
    base: Vocabulary,
    paths: Sequence[str],
    out: str,
    *,
    steps: range,
    seed: int = 0,
    draw: Draw | None = None,
    width: int | None = None,
    field: str = "text",
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Draw a vocabulary for each step and write it with its surface forms; what was drawn.

    All text is held in memory. Raises RecipeError where a file is there with other content, DataError where there is no text.
    """
    draw = Draw() if draw is None else draw
    texts = pa.chunked_array([*texts_of(paths, field)], pa.large_string())
    if not len(texts):
        raise DataError(f"there is no text in {', '.join(paths)}; name files that have some")
    folder = local_path(out, "the folder to write")
    found = []
    for step in steps:
        batch = texts.take(pa.array(draw_documents(len(texts), seed, step, draw)))
        drawn = draw_vocabulary(count_words(batch, WORDS), seed, step, draw, base.special_tokens)
        forms, cut = surface_forms(base, drawn.vocabulary, width)
        name = f"step-{step:08}"
        _put(folder / f"{name}.json", drawn.vocabulary.to_json())
        _put(folder / f"{name}.npy", _array(forms))
        found.append(
            {
                "step": step,
                "tokens": len(drawn.vocabulary),
                "size": drawn.size,
                "noise": drawn.noise,
                "substrings": drawn.substrings,
                "width": forms.shape[1],
                "cut": cut,
                "fingerprint": drawn.vocabulary.fingerprint,
            }
        )
        progress(step)
    told = {"base": base.fingerprint, "seed": seed, "documents": len(texts), "steps": found}
    name = f"steps-{steps.start:08}-{steps.stop - 1:08}.json"
    _put(folder / name, (json.dumps(told, indent=1) + "\n").encode())
    return told | {"out": out}


def write_forms(
    base: Vocabulary, target: Vocabulary, out: str, *, width: int | None = None, pad: int = -1
) -> dict[str, Any]:
    """Write the surface forms of a vocabulary as a .npy file; what they are."""
    forms, cut = surface_forms(base, target, width, pad)
    _put(local_path(out, "the file to write"), _array(forms))
    return {"out": out, "tokens": len(forms), "width": forms.shape[1], "cut": cut, "pad": pad}


def _array(values: npt.NDArray[np.int32]) -> bytes:
    held = io.BytesIO()
    np.save(held, values, allow_pickle=False)
    return held.getvalue()


def _put(path: Path, data: bytes) -> None:
    """A file that is there whole, or not at all; one that is there with the same content is left."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if path.read_bytes() != data:
                raise RecipeError(f"{path} is there with other content; choose another folder")
            return
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
