"""A model for text of another kind: a vocabulary that is extended by what the text needs, and rows that follow.

OUT/tokenizer/         the folder that `AutoTokenizer.from_pretrained` opens
OUT/model/             the model with a row for each token
OUT/adapt.json         what came of it: how many new tokens are reached, tokens a word before and after; written last
OUT/adapt.begun.json   which files are being written: where a run was killed, these are taken away, and it begins anew
"""

import json
from typing import Any

import numpy as np

from pairloom.operators.embeddings import Method
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.evaluate.word_tally import WordTally, tally_words
from pairloom.operators.models.bpe import unreachable_tokens
from pairloom.operators.vocabulary import Vocabulary
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.folder import FILES, export_folder
from pairloom.pipeline.export.given_vocabulary import VocabularyExport, roles_of
from pairloom.pipeline.local import local_path
from pairloom.pipeline.stages.count.files import read_words
from pairloom.pipeline.transplant.begun import check_free, writing
from pairloom.pipeline.transplant.model import open_model
from pairloom.pipeline.transplant.sources import Sources
from pairloom.pipeline.transplant.transplanting import files_written, transplant

__all__ = ["adapt", "check_adaptable"]

TOKENIZER, MODEL = "tokenizer", "model"
DONE, BEGUN = "adapt.json", "adapt.begun.json"


def check_adaptable(base: Vocabulary | None, method: Method, model: str, out: str) -> None:
    """Raise RecipeError where nothing is extended, or not what the model has, or `out` has other files: before anything runs."""
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
    check_free(local_path(out, "the folder to write"), BEGUN)


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

    What a killed run left in `out` is taken away. Tokens a word, and how often old tokens occur, are those of the text that the
    vocabulary was learned from. Raises DataError where a new token is never reached.
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
    folder, counts = local_path(out, "the folder to write"), "counts" in (method.needs if method else ())
    names = [f"{TOKENIZER}/{name}" for name in FILES]
    names += [f"{MODEL}/{name}" for name in files_written(open_model(model, len(base)))]
    with writing(folder, BEGUN, [*names, DONE]):
        proved = export_folder(asked, str(folder / TOKENIZER))
        told = transplant(
            base,
            vocabulary,
            model,
            str(folder / MODEL),
            pad_to=pad_to,
            new_roles=roles,
            method=method,
            sources=Sources(counts=before.token_counts if counts else None),
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
        (folder / DONE).write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    return done


def _tally(vocabulary: Vocabulary, dataset: Dataset) -> WordTally:
    """What the counted words cost, a partition at a time."""
    encoder = tokenizer_of(vocabulary).word_encoder()
    total = WordTally.empty(len(vocabulary))
    for file in dataset.manifest.stage("count").files:
        if file.role == "words":
            total = total + tally_words(vocabulary, read_words(dataset.objects, file), encoder)
    return total
