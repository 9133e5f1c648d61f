"""Groups of documents: their compression by every tokenizer, their numbers, and the mixture that merges betray."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.content import atomicity, characters_per_token, generated_content
from pairloom.operators.evaluate.inequality import gini
from pairloom.operators.evaluate.items import addition_items, misaligned
from pairloom.operators.evaluate.mixture_inference import infer_from_traces, log10_mse
from pairloom.operators.evaluate.numbers import number_facts
from pairloom.operators.evaluate.placed import is_placed
from pairloom.operators.evaluate.theory import order_entropy, unigram_bits
from pairloom.operators.evaluate.word_tally import WordTally
from pairloom.pipeline.report.counts import Counted
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.sums import Group, TextSums

__all__ = ["about_groups", "about_mixture", "says"]

GROUPS = 60  # the largest groups are reported one by one
CATEGORIES = 64  # a mixture of more sources is not looked at
KEPT_CHARACTERS = 100_000  # of a group's text, beside content of other kinds
LETTERS = "abbabaabba"  # as in counting tasks
DIGITS = "31415926535897"
ADDITIONS = 100  # of each pair of lengths
MIXTURE_LIMIT = -4.0  # log10 of the mean squared error from which a vocabulary does not reflect its corpus


def says(text: TextSums, options: Options) -> str:
    """What was read, in words."""
    size = f"{text.documents:,} documents, {text.bytes:,} bytes"
    if text.without_group:
        size += f" (besides {text.without_group:,} records without the field {options.by!r})"
    if bad := text.records.rejected.total():
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(text.records.rejected.items()))
        size += f" (besides {bad:,} of {text.records.read:,} records that cannot be used: {reasons})"
    if text.complete:
        return f"all documents: {size}"
    return f"a sample of {size}, drawn with seed {options.seed} from {text.units} of {text.of_units} units"


def about_groups(
    tokenizers: Mapping[str, Vocabulary],
    text: TextSums | None,
    known: Mapping[str, WordTally],
    options: Options,
) -> dict[str, Any]:
    """Groups of the documents, encoded by every tokenizer, and what they do with numbers.

    The first tokenizer is the vocabulary; `known` are its tallies of groups whose words were not looked at.

    `letters` and `digits` say for each tokenizer, form by form, whether every letter or digit has a token of its own (rows
    of `atomicity`), `additions` in which share of additions the numbers are cut in other places than their sum is.
    """
    if text is None:
        return {"groups": [], "numbers": [], "content": {}, "letters": {}, "digits": {}, "entropy": {}}
    content = generated_content(seed=options.seed)
    additions = list(addition_items(ADDITIONS, shots=0, seed=options.seed))
    own = {key: one for key, one in tokenizers.items() if is_placed(one)}
    largest = _largest(text)
    groups = []
    for name, group in largest[:GROUPS]:
        row: dict[str, Any] = {"group": name, "documents": group.documents, "bytes": group.bytes}
        row["characters"] = group.characters
        row["tokenizers"] = {
            key: _encoded(key, one, group, known.get(name)) for key, one in tokenizers.items()
        }
        groups.append(row)
    return {
        "groups": groups,
        "gini": {
            key: gini(
                [row["tokenizers"][key]["tokens"] / max(1, row["tokenizers"][key]["bytes"]) for row in groups]
            )
            for key in tokenizers
        },
        "groups_left_out": max(0, len(largest) - GROUPS),
        "grouped_by": options.by or "source",
        "sample": says(text, options),
        "numbers": [
            {"tokenizer": key} | number_facts(text.numbers[key])
            for key in tokenizers
            if key in text.numbers and text.numbers[key].any()
        ],
        "content": {key: characters_per_token(one, content | _kept(text)) for key, one in tokenizers.items()},
        "letters": {key: atomicity(one, LETTERS) for key, one in own.items()},
        "digits": {key: atomicity(one, DIGITS) for key, one in own.items()},
        "additions": {key: misaligned(one, additions) for key, one in own.items()},
        "entropy": _entropy(next(iter(tokenizers.values())), text),
    }


def _largest(text: TextSums) -> list[tuple[str, Group]]:
    return sorted(text.groups.items(), key=lambda item: (-item[1].bytes, item[0]))


def _kept(text: TextSums) -> dict[str, str]:
    """Some text of the largest groups."""
    return {
        name: "\n".join(group.texts.to_pylist())[:KEPT_CHARACTERS]
        for name, group in _largest(text)[:8]
        if group.kept
    }


def _entropy(vocabulary: Vocabulary, text: TextSums) -> dict[str, float]:
    """Bits per byte of every second kept document: under the tokens' frequencies in the others, and of its bytes.

    The prior of half an occurrence a token is for tokens that the others do not have.
    """
    texts = pa.concat_arrays([pa.array([], pa.large_string()), *(one.texts for one in text.groups.values())])
    if len(texts) < 2:
        return {}
    places = np.arange(len(texts))
    train, test = (texts.take(pa.array(places[places % 2 == half])) for half in (0, 1))
    seen, asked = (
        np.bincount(vocabulary.encode(half).values.to_numpy(), minlength=len(vocabulary)).astype(np.int64)
        for half in (train, test)
    )
    data = b"".join(one.encode() for one in test.to_pylist())
    orders = {f"order_{k}": order_entropy(data, k) for k in (0, 1, 2, 3)}
    return {"bytes": len(data), "tokens": unigram_bits(seen, asked, len(data), prior=0.5)} | orders


def _encoded(name: str, vocabulary: Vocabulary, group: Group, known: WordTally | None) -> dict[str, float]:
    """Compression of a group's documents: of all of them by their words, or of the kept where there are no words."""
    if vocabulary.model.by_words or name in group.sums:
        tally = WordTally.empty(0)
        if name in group.sums:
            tally = WordTally(
                token_counts=tally.token_counts,
                sums=group.sums[name],
                tokens_per_word=tally.tokens_per_word,
            )
        elif known is not None:
            tally = known
        tokens, size, characters = tally.tokens, group.bytes, group.characters
    else:
        tokens, size = len(vocabulary.encode(group.texts).values), group.kept
        characters = pc.sum(pc.utf8_length(group.texts)).as_py() or 0
    return {
        "tokens": tokens,
        "bytes": size,
        "bytes_per_token": size / max(1, tokens),
        "characters_per_token": characters / max(1, tokens),
    }


def about_mixture(
    vocabulary: Vocabulary, counted: Counted, weights: Mapping[str, int], notes: list[str]
) -> dict[str, Any]:
    """Whether the order of the merges is that of the corpus's mixture: nothing for a single source, or very many.

    The mixture of the corpus is that of the sources' bytes times their weights in learning. Where the solver is missing,
    `notes` says so.
    """
    names = [name for name, trace in counted.traces.items() if trace.total and weights[name]]
    if not 2 <= len(names) <= CATEGORIES:
        return {}
    sizes = {name: counted.sources[name].bytes for name in names}
    total = sum(sizes[name] * weights[name] for name in names)
    actual = {name: sizes[name] * weights[name] / total for name in names}
    try:
        found = infer_from_traces(vocabulary, {name: counted.traces[name] for name in names}, sizes)
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
            "merges": len(counted.traces[names[0]].ends),
            "log10_mse": max(mse, -99.0),
            "limit": MIXTURE_LIMIT,
            "reflects": mse <= MIXTURE_LIMIT,
            "loss": found.loss,
            "settled": found.settled,
        }
    }
