"""A model for text of another kind: a vocabulary that is extended by what the text needs, and rows that follow.

OUT/tokenizer/   the folder that `AutoTokenizer.from_pretrained` opens
OUT/model/       the model with a row for each token
OUT/adapt.json   what came of it: how many new tokens are reached, tokens a word before and after; written last
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pairloom.operators.embeddings import Method
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.errors import DataError, RecipeError, StorageError
from pairloom.operators.evaluate.word_tally import WordTally, tally_words
from pairloom.operators.models.bpe import unreachable_tokens
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.folder import export_folder
from pairloom.pipeline.export.given_vocabulary import VocabularyExport, roles_of
from pairloom.pipeline.local import local_path
from pairloom.pipeline.stages.count.files import read_words
from pairloom.pipeline.transplant.model import open_model
from pairloom.pipeline.transplant.sources import Sources
from pairloom.pipeline.transplant.transplanting import transplant

__all__ = ["adapt", "check_adaptable"]

DONE = "adapt.json"


def check_adaptable(base: Vocabulary | None, method: Method, model: str, out: str) -> None:
    """Raise RecipeError where nothing is extended, or not what the model has, or `out` has files: before anything runs."""
    if base is None:
        raise RecipeError(
            "the recipe extends no vocabulary: name that of the model, as `vocabulary: {extend: tokenizer.json, size: 50000}`"
        )
    if others := set(method.needs) - {"counts"}:
        raise RecipeError(
            f"the method {method.name} goes by what is known of tokens ({', '.join(sorted(others))}), and new ones are "
            "only learned now: adapt without it, then `pairloom transplant --method` with the tokenizer that this writes"
        )
    open_model(model, len(base))
    folder = local_path(out, "the folder to write")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecipeError(f"{out} is not empty: choose another folder")


def adapt(
    base: Vocabulary,
    dataset: Dataset,
    model: str,
    out: str,
    *,
    pad_to: int = 1,
    method: Method | None = None,
) -> dict[str, Any]:
    """Write tokenizer and model for the vocabulary of a dataset, which extends `base`; what came of it.

    Tokens a word, and how often old tokens occur, are those of the text that the vocabulary was learned from. Raises DataError
    where a new token is never reached.
    """
    vocabulary, roles = dataset.vocabulary(), roles_of(dataset)
    new = np.arange(len(base), len(vocabulary))
    lost = unreachable_tokens(vocabulary, new)
    if len(lost):
        raise DataError(
            f"{len(lost):,} of {len(new):,} new tokens are never reached, the first is {vocabulary.tokens[int(lost[0])]!r}: "
            "the merges of the base contradict each other; extend another vocabulary"
        )
    before, after = _tally(base, dataset), _tally(vocabulary, dataset)
    asked = VocabularyExport(vocabulary=vocabulary, roles=roles, origin=f"extended in {dataset.objects.root}")
    proved = export_folder(asked, str(Path(out) / "tokenizer"))
    told = transplant(
        base,
        vocabulary,
        model,
        str(Path(out) / "model"),
        pad_to=pad_to,
        new_roles=roles,
        method=method,
        sources=Sources(counts=before.token_counts if "counts" in (method.needs if method else ()) else None),
    )
    done = {
        "out": out,
        "base_tokens": len(base),
        "tokens": len(vocabulary),
        "reachable": len(new) - len(lost),
        "fingerprint": vocabulary.fingerprint,
        "text": {"before": before.facts(), "after": after.facts()},
        "roles": proved["roles"],
        "model": told,
    }
    try:
        (Path(out) / DONE).write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {Path(out) / DONE}: {error.strerror}") from error
    return done


def _tally(vocabulary: Vocabulary, dataset: Dataset) -> WordTally:
    """What the counted words cost, a partition at a time."""
    encoder = tokenizer_of(vocabulary).word_encoder()
    total = WordTally.empty(len(vocabulary))
    for file in dataset.manifest.stage("count").files:
        if file.role == "words":
            total = total + tally_words(vocabulary, read_words(dataset.objects, file), encoder)
    return total
