"""What a report says, gathered: from word counts and token shards where they exist, from sampled text where not.

    word counts ──▶ tokens of every word ──▶ compression, use of tokens, sizes
    token shards ──▶ lengths of documents, the worst-tokenized
    text, a seeded sample ──▶ groups by a field, other tokenizers, numbers

Everything is a plain value that JSON can hold.
"""

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairloom.operators import Vocabulary, WordCounts, merge_counts
from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.operators.evaluate.curve import merge_products, merge_steps, ordinary_ids
from pairloom.operators.evaluate.distribution import rank_frequency, renyi_efficiency, token_lengths
from pairloom.operators.evaluate.numbers import number_facts
from pairloom.operators.evaluate.tally import WordTally, tally_words
from pairloom.operators.evaluate.usage import token_use
from pairloom.operators.vocabulary.tokens import TokenTable
from pairloom.pipeline.corpus import Source, Unit, list_inputs, plan_units
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.report_documents import document_facts
from pairloom.pipeline.report_text import Group, TextSample, Words, read_sample, words_of
from pairloom.pipeline.segments import receipt_of
from pairloom.pipeline.stages.count import read_words
from pairloom.pipeline.store.dataset import Dataset
from pairloom.pipeline.store.files import open_arrow

__all__ = ["SEQ_LENS", "SIZES", "Options", "report_on_root", "report_on_vocabulary"]

SEQ_LENS = (512, 1024, 2048, 4096, 8192, 16384, 32768)
SIZES = (1024, 2048, 4096, 8192, 16384, 24576, 32768, 49152, 65536, 98304, 131072, 196608, 262144)
EXAMPLES = 40
GROUPS = 60  # the largest groups are reported one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to look at besides what is there anyway.

    `against` are other tokenizers by name, `by` a field whose values are reported apart; where they are languages,
    `parallel` is a field that the translations of a document share, and `reference` the language that token premiums are
    relative to. `sample_bytes` and `seed` choose the sample of text, `alpha` is the order of Rényi's entropy,
    `threshold` the count below which a token is rare.
    """

    against: Mapping[str, Vocabulary]
    by: str | None = None
    parallel: str | None = None
    reference: str = "en"
    sample_bytes: int = 256_000_000
    seed: int = 0
    alpha: float = 2.5
    threshold: int | None = None
    seq_lens: tuple[int, ...] = SEQ_LENS
    say: Callable[[str], None] = lambda _: None


def report_on_root(dataset: Dataset, options: Options) -> dict[str, Any]:
    """Report on the vocabulary and the tokens of a committed generation.

    The sources are read again, as a sample, for what is not in the store; where they are gone, or are not what they were,
    these parts are left out and `notes` says why.
    """
    vocabulary, recipe = dataset.vocabulary(), Recipe.model_validate(dataset.manifest.recipe)
    notes: list[str] = []
    try:
        units = list(_units(recipe))
        sample = _sample(units, vocabulary, options, recipe.max_record_bytes)
    except PairloomError as error:
        if options.by is not None or options.against:
            raise
        units, sample = [], None
        notes.append(f"no text was sampled: {error}")
    counted = "count" in dataset.manifest.stages and vocabulary.foreign is None
    if counted:
        options.say("word counts")
        tally, sources = _from_counts(dataset, recipe, vocabulary)
        basis = "every word of the corpus, from its counts"
    elif sample is not None:
        tally, sources, basis = _from_sample(sample, vocabulary, options)
    else:
        raise RecipeError(
            f"{dataset.objects.root} has no word counts, and its text cannot be sampled: {notes[0]}. Run the recipe where "
            "its inputs are, or report on the vocabulary with --text"
        )
    out = _about(vocabulary, tally, options) | {"basis": basis, "notes": notes}
    out["provenance"] = _provenance(dataset, vocabulary)
    out["sources"] = _sources(dataset, recipe, sources, units)
    out |= _compared(vocabulary, sample, options)
    if "tokenize" in dataset.manifest.stages:
        options.say("token shards")
        names = {piece.file.uri: unit.source for unit in units for piece in unit.slices}
        only = recipe.corpus[0].name if len(recipe.corpus) == 1 else None
        out |= document_facts(dataset, vocabulary, names, only, options.seq_lens)
    return out


def report_on_vocabulary(
    name: str, vocabulary: Vocabulary, texts: tuple[str, ...], field: str, options: Options
) -> dict[str, Any]:
    """Report on a vocabulary, measured on the text of files: paths or globs, as in a recipe."""
    if not texts:
        tally = WordTally.empty(len(vocabulary))
        out = _about(vocabulary, tally, options) | {"basis": "no text", "notes": []}
        return out | {"provenance": _vocabulary_facts(name, vocabulary), "sources": [], "groups": []}
    source = Source(name="text", paths=texts, text=field)
    sample = _sample(plan_units(source, list_inputs(source), 64 << 20), vocabulary, options, 1 << 30)
    tally, sources, basis = _from_sample(sample, vocabulary, options)
    out = _about(vocabulary, tally, options) | {"basis": basis, "notes": []}
    out["provenance"] = _vocabulary_facts(name, vocabulary) | {"texts": list(texts)}
    out["sources"] = [{"source": key} | one.facts() for key, one in sources.items()]
    return out | _compared(vocabulary, sample, options)


def _units(recipe: Recipe) -> Iterator[Unit]:
    for choice in recipe.corpus:
        source = Source(
            name=choice.name, paths=choice.paths, exclude=choice.exclude, text=choice.text, id=choice.id
        )
        yield from plan_units(source, list_inputs(source), recipe.execution.unit_bytes)


def _sample(units: list[Unit], vocabulary: Vocabulary, options: Options, max_record_bytes: int) -> TextSample:
    cuts: list[Words] = []
    for one in (vocabulary, *options.against.values()):
        if one.foreign is None and words_of(one) not in cuts:
            cuts.append(words_of(one))
    return read_sample(
        units,
        cuts,
        by=options.by,
        limit=options.sample_bytes,
        seed=options.seed,
        max_record_bytes=max_record_bytes,
        say=options.say,
    )


def _from_counts(
    dataset: Dataset, recipe: Recipe, vocabulary: Vocabulary
) -> tuple[WordTally, dict[str, WordTally]]:
    """The whole corpus's tally from its merged counts; each source's from its units', if there are several sources."""
    record = dataset.manifest.stage("count")
    whole = WordTally.empty(len(vocabulary))
    parts = [file for file in record.files if file.role == "words"]
    for file in parts:
        whole += tally_words(vocabulary, read_words(dataset.objects, file))
    if len(recipe.corpus) == 1:
        return whole, {recipe.corpus[0].name: whole}
    units = _units_of_sources(dataset, recipe, record.units)
    sources: dict[str, WordTally] = {}
    for name, receipts in units.items():
        tally = WordTally.empty(len(vocabulary))
        files = [receipt_of(dataset, "count", unit).file("words") for unit in receipts]
        for part in range(len(parts)):
            counts = merge_counts(_part(dataset, file, part) for file in files)
            tally += tally_words(vocabulary, counts)
        sources[name] = tally
    return whole, sources


def _part(dataset: Dataset, file: Any, part: int) -> WordCounts:
    with open_arrow(dataset.objects, file) as reader:
        batch = reader.get_batch(part)
    return WordCounts(words=batch.column("word"), counts=batch.column("count").to_numpy())


def _units_of_sources(dataset: Dataset, recipe: Recipe, units: tuple[str, ...]) -> dict[str, list[str]]:
    """The units of each source, by the URIs that its paths name now; {} where that cannot be known."""
    try:
        owner = {piece.file.uri: unit.source for unit in _units(recipe) for piece in unit.slices}
    except PairloomError:
        return {}
    found: dict[str, list[str]] = {}
    for unit in units:
        slices = receipt_of(dataset, "count", unit).slices
        if not slices or slices[0][0] not in owner:
            return {}
        found.setdefault(owner[slices[0][0]], []).append(unit)
    return found


def _from_sample(
    sample: TextSample, vocabulary: Vocabulary, options: Options
) -> tuple[WordTally, dict[str, WordTally], str]:
    if vocabulary.foreign is not None:
        raise RecipeError(
            f"a report needs words, and this tokenizer has none: it is {vocabulary.slow_path}. Give it as --against instead"
        )
    cut = words_of(vocabulary)
    sources = {name: tally_words(vocabulary, group.words(cut)) for name, group in sample.groups.items()}
    tally = sum(sources.values(), WordTally.empty(len(vocabulary)))
    return tally, sources, _says(sample, options)


def _says(sample: TextSample, options: Options) -> str:
    size = f"{sample.documents:,} documents, {sample.bytes:,} bytes"
    if sample.without_group:
        size += f" (besides {sample.without_group:,} records without the field {options.by!r})"
    if sample.complete:
        return f"all documents: {size}"
    return (
        f"a sample of {size}, drawn with seed {options.seed} from {sample.units} of {sample.of_units} units"
    )


def _about(vocabulary: Vocabulary, tally: WordTally, options: Options) -> dict[str, Any]:
    """What follows from the tokens' counts alone."""
    counts, tokens = tally.token_counts, TokenTable.of(vocabulary.tokens)
    ordinary = ordinary_ids(vocabulary)
    use = token_use(vocabulary, counts, threshold=options.threshold)
    alpha = options.alpha
    return {
        "format": 1,
        "summary": tally.facts()
        | {
            "vocabulary": len(vocabulary),
            "merges": len(vocabulary.merges),
            "alpha": alpha,
            "renyi_efficiency": renyi_efficiency(counts[ordinary], len(ordinary), alpha),
            "shannon_efficiency": renyi_efficiency(counts[ordinary], len(ordinary), 1.0),
            "mean_token_bytes": float(tokens.lengths[ordinary].mean()) if len(ordinary) else 0.0,
        },
        "kinds": tally.by_kind(),
        "tokens_per_word": tally.tokens_per_word.tolist(),
        "use": {
            "threshold": use.threshold,
            "ordinary": len(ordinary),
            "never": len(use.never),
            "rare": len(use.rare),
            "unreachable": len(use.unreachable),
            "partial_utf8": len(use.partial),
            "duplicate_groups": len(use.duplicates),
            "duplicate_tokens": sum(len(group) - 1 for group in use.duplicates),
            "glitch_candidates": len(use.glitches),
        },
        "examples": {
            "never": _shown(vocabulary, counts, use.never[::-1]),
            "glitch_candidates": _shown(vocabulary, counts, use.glitches),
            "unreachable": _shown(vocabulary, counts, use.unreachable),
            "longest": _shown(
                vocabulary, counts, ordinary[np.argsort(-tokens.lengths[ordinary], kind="stable")]
            ),
            "duplicates": [
                _shown(vocabulary, counts, np.array(group)) for group in use.duplicates[:EXAMPLES]
            ],
        },
        "token_lengths": token_lengths(tokens, ordinary, counts),
        "rank_frequency": rank_frequency(counts),
        "curve": _curve(vocabulary, tally),
        "merges": _merges(vocabulary, counts),
    }


def _shown(vocabulary: Vocabulary, counts: Any, ids: Any) -> list[dict[str, Any]]:
    return [
        {"id": int(i), "token": readable(vocabulary.tokens[int(i)]), "count": int(counts[int(i)])}
        for i in ids[:EXAMPLES]
    ]


def readable(token: bytes) -> str:
    r"""A token as text, bytes that are no UTF-8 as `\xNN`.

    >>> readable(b"caf\xc3")
    'caf\\xc3'
    """
    return token.decode("utf-8", "backslashreplace")


def _curve(vocabulary: Vocabulary, tally: WordTally) -> list[dict[str, float]]:
    """The tokens of the text at sizes of the vocabulary up to its own; [] where prefixes of its merges do not nest."""
    steps = merge_steps(vocabulary, tally.token_counts)
    if steps is None or not tally.tokens:
        return []
    sizes = steps.sizes
    wanted = {size for size in SIZES if sizes[0] <= size < sizes[-1]} | {int(sizes[0]), int(sizes[-1])}
    size_of = int(sizes[0])
    return [
        {
            "size": size,
            "tokens": int(steps.tokens[size - size_of]),
            "bytes_per_token": tally.bytes / max(1, int(steps.tokens[size - size_of])),
        }
        for size in sorted(wanted)
    ]


def _merges(vocabulary: Vocabulary, counts: Any) -> list[dict[str, Any]]:
    """Merges at ranks that double: what was learned when, and how much of it is left as a token of its own."""
    steps = merge_steps(vocabulary, counts)
    if steps is None:
        return []
    products = merge_products(vocabulary)
    at = sorted({*range(min(16, len(products))), *(int(x) for x in np.geomspace(16, len(products), 40) - 1)})
    rows = []
    for rank in (rank for rank in at if 0 <= rank < len(products)):
        left, right = (readable(vocabulary.tokens[i]) for i in vocabulary.merges[rank].tolist())
        token = int(products[rank])
        rows.append(
            {
                "rank": rank,
                "left": left,
                "right": right,
                "token": readable(vocabulary.tokens[token]),
                "steps": int(steps.steps[rank]),
                "count": int(counts[token]),
            }
        )
    return rows


def _sources(
    dataset: Dataset, recipe: Recipe, tallies: Mapping[str, WordTally], units: list[Unit]
) -> list[dict[str, Any]]:
    ledgers: dict[str, dict[str, int]] = {}
    if "tokenize" in dataset.manifest.stages:
        owner = {piece.file.uri: unit.source for unit in units for piece in unit.slices}
        only = recipe.corpus[0].name if len(recipe.corpus) == 1 else "(unknown)"
        for unit in dataset.manifest.stage("tokenize").units:
            receipt = receipt_of(dataset, "tokenize", unit)
            name = owner.get(receipt.slices[0][0], only) if receipt.slices else only
            row = ledgers.setdefault(name, {"documents": 0, "rejected": 0, "empty": 0})
            row["documents"] += receipt.ledger.documents_out
            row["rejected"] += receipt.ledger.rejects
            row["empty"] += receipt.ledger.empty
    names = sorted({*tallies, *ledgers})
    return [
        {"source": name} | ledgers.get(name, {}) | (tallies[name].facts() if name in tallies else {})
        for name in names
    ]


def _compared(vocabulary: Vocabulary, sample: TextSample | None, options: Options) -> dict[str, Any]:
    """Groups of the sampled documents, encoded by every tokenizer, and what they do with numbers."""
    if sample is None:
        return {"groups": [], "numbers": []}
    tokenizers = {"this": vocabulary, **options.against}
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
        "sample": _says(sample, options),
        "numbers": numbers,
    }


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


def _provenance(dataset: Dataset, vocabulary: Vocabulary) -> dict[str, Any]:
    manifest = dataset.manifest
    stages = {
        name: {"key": record.key, "units": len(record.units), "files": len(record.files)}
        | {"documents": record.ledger.documents_out, "rejected": record.ledger.rejects}
        for name, record in manifest.stages.items()
    }
    return _vocabulary_facts(dataset.objects.root, vocabulary) | {
        "generation": manifest.generation,
        "recipe": manifest.recipe,
        "stages": stages,
    }


def _vocabulary_facts(name: str, vocabulary: Vocabulary) -> dict[str, Any]:
    cut = vocabulary.pretokenizer
    return {
        "name": name,
        "fingerprint": vocabulary.fingerprint,
        "pretokenizer": cut.scheme if cut.pattern is None else cut.pattern,
        "digits": cut.digits,
        "normalizer": vocabulary.normalizer,
        "special_tokens": list(vocabulary.special_tokens),
        "slow_path": vocabulary.slow_path,
        "python": platform.python_version(),
    }
