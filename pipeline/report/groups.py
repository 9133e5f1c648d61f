"""Groups of sampled documents: their compression by every tokenizer, their numbers, and the mixture that merges betray."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.content import atomicity, characters_per_token, generated_content
from pairloom.operators.evaluate.mixture import infer_mixture, log10_mse
from pairloom.operators.evaluate.numbers import number_facts
from pairloom.operators.evaluate.tally import tally_words
from pairloom.operators.evaluate.theory import order_entropy, unigram_bits
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.text import Group, TextSample, words_of

__all__ = ["about_groups", "about_mixture", "says"]

GROUPS = 60  # the largest groups are reported one by one
CATEGORIES = 16  # a mixture of more sources is not looked at
KEPT_CHARACTERS = 100_000  # of a group's text, beside content of other kinds
LETTERS = "abbabaabba"  # as in counting tasks
MIXTURE_MERGES = 300
MIXTURE_LIMIT = -4.0  # log10 of the mean squared error from which a vocabulary does not reflect its corpus


def says(sample: TextSample, options: Options) -> str:
    """What was read, in words."""
    size = f"{sample.documents:,} documents, {sample.bytes:,} bytes"
    if sample.without_group:
        size += f" (besides {sample.without_group:,} records without the field {options.by!r})"
    if sample.complete:
        return f"all documents: {size}"
    return (
        f"a sample of {size}, drawn with seed {options.seed} from {sample.units} of {sample.of_units} units"
    )


def about_groups(vocabulary: Vocabulary, sample: TextSample | None, options: Options) -> dict[str, Any]:
    """Groups of the sampled documents, encoded by every tokenizer, and what they do with numbers."""
    if sample is None:
        return {"groups": [], "numbers": [], "content": {}, "letters": {}, "entropy": {}}
    tokenizers = {"this": vocabulary, **options.against}
    content = generated_content(seed=options.seed)
    largest = sorted(sample.groups.items(), key=lambda item: (-item[1].bytes, item[0]))
    groups = []
    for name, group in largest[:GROUPS]:
        row: dict[str, Any] = {"group": name, "documents": group.documents, "bytes": group.bytes}
        row["characters"] = group.characters
        row["tokenizers"] = {key: _encoded(one, group) for key, one in tokenizers.items()}
        groups.append(row)
    numbers = [
        {"tokenizer": key} | number_facts(one, dict(sample.numbers.most_common(200_000)))
        for key, one in tokenizers.items()
        if one.foreign is None and sample.numbers
    ]
    return {
        "groups": groups,
        "groups_left_out": max(0, len(largest) - GROUPS),
        "grouped_by": options.by or "source",
        "sample": says(sample, options),
        "numbers": numbers,
        "content": {
            key: characters_per_token(one, content | _kept(sample)) for key, one in tokenizers.items()
        },
        "letters": {key: atomicity(one, LETTERS) for key, one in tokenizers.items() if one.foreign is None},
        "entropy": _entropy(vocabulary, sample),
    }


def _kept(sample: TextSample) -> dict[str, str]:
    """The beginning of the largest groups' text."""
    largest = sorted(sample.groups.items(), key=lambda item: (-item[1].bytes, item[0]))[:8]
    return {name: "\n".join(group.text().to_pylist())[:KEPT_CHARACTERS] for name, group in largest}


def _entropy(vocabulary: Vocabulary, sample: TextSample) -> dict[str, float]:
    """Bits per byte of every second kept document: under the tokens' frequencies in the others, and of its bytes.

    The prior of half an occurrence a token is for tokens that the others do not have.
    """
    nothing = pa.array([], pa.large_string())
    texts = pa.concat_arrays([nothing, *(group.text() for group in sample.groups.values())])
    if len(texts) < 2 or vocabulary.foreign is not None:
        return {}
    places = np.arange(len(texts))
    train, test = (texts.take(pa.array(places[places % 2 == half])) for half in (0, 1))
    seen, asked = (
        np.bincount(vocabulary.encode(half).values.to_numpy(), minlength=len(vocabulary)).astype(np.int64)
        for half in (train, test)
    )
    data = b"".join(text.encode() for text in test.to_pylist())
    orders = {f"order_{k}": order_entropy(data, k) for k in (0, 1, 2, 3)}
    return {"bytes": len(data), "tokens": unigram_bits(seen, asked, len(data), prior=0.5)} | orders


def _encoded(vocabulary: Vocabulary, group: Group) -> dict[str, float]:
    """Compression of a group's documents: of all of them by their words, or of the first where there are no words."""
    if vocabulary.foreign is None:
        tally = tally_words(vocabulary, group.words(words_of(vocabulary)))
        return {
            "tokens": tally.tokens,
            "bytes": group.bytes,
            "bytes_per_token": group.bytes / max(1, tally.tokens),
            "characters_per_token": group.characters / max(1, tally.tokens),
        }
    texts = group.text()
    tokens = len(vocabulary.encode(texts).values)
    characters = sum(len(text) for text in texts.to_pylist())
    return {
        "tokens": tokens,
        "bytes": group.kept,
        "bytes_per_token": group.kept / max(1, tokens),
        "characters_per_token": characters / max(1, tokens),
    }


def about_mixture(
    vocabulary: Vocabulary, sample: TextSample, corpus_bytes: Mapping[str, int], notes: list[str]
) -> dict[str, Any]:
    """Whether the order of the merges is that of the corpus's mixture: nothing for a single source, or very many.

    `corpus_bytes` are the bytes of each source in the corpus that the vocabulary is to reflect. Where scipy is missing,
    `notes` says so.
    """
    names = [name for name, size in corpus_bytes.items() if size and name in sample.groups]
    if (
        not 2 <= len(names) <= CATEGORIES
        or set(names) != set(sample.groups)
        or vocabulary.foreign is not None
    ):
        return {}
    cut, merges = words_of(vocabulary), min(MIXTURE_MERGES, len(vocabulary.merges))
    if not merges:
        return {}
    total = sum(corpus_bytes[name] for name in names)
    actual = {name: corpus_bytes[name] / total for name in names}
    try:
        found = infer_mixture(
            vocabulary, {name: sample.groups[name].words(cut) for name in names}, merges=merges
        )
    except RecipeError as error:
        notes.append(str(error))
        return {}
    mse = log10_mse(found.shares, actual)
    rows = [
        {
            "source": name,
            "inferred": found.shares[name],
            "actual": actual[name],
            "difference": found.shares[name] - actual[name],
        }
        for name in names
    ]
    return {
        "mixture": {
            "rows": rows,
            "merges": merges,
            "log10_mse": max(mse, -99.0),
            "limit": MIXTURE_LIMIT,
            "reflects": mse <= MIXTURE_LIMIT,
            "loss": found.loss,
            "settled": found.settled,
        }
    }
