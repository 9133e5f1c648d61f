"""What a report says, gathered: from word counts and token shards where they exist, from sampled text where not.

    word counts ──▶ tokens of every word ──▶ compression, use of tokens, sizes
    token shards ──▶ lengths of documents, the worst-tokenized
    text, a seeded sample ──▶ groups by a field, other tokenizers, numbers

Everything is a plain value that JSON can hold.
"""

import platform
from collections.abc import Iterator, Mapping
from typing import Any

from pairloom.operators import Vocabulary, WordCounts, merge_counts
from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.operators.evaluate.premium import premium_rows
from pairloom.operators.evaluate.tally import WordTally, tally_words
from pairloom.pipeline.corpus import Source, Unit, list_inputs, plan_units
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.report.documents import document_facts
from pairloom.pipeline.report.groups import about_groups, about_mixture, says
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.parallel import read_parallel
from pairloom.pipeline.report.text import TextSample, Words, read_sample, words_of
from pairloom.pipeline.report.tokens import about_tokens
from pairloom.pipeline.segments import receipt_of, shards
from pairloom.pipeline.stages.counted import read_words
from pairloom.pipeline.store.dataset import Dataset
from pairloom.pipeline.store.files import open_arrow

__all__ = ["report_on_root", "report_on_vocabulary"]


def report_on_root(dataset: Dataset, options: Options) -> dict[str, Any]:
    """Report on the vocabulary and the tokens of a committed generation.

    The sources are read again, as a sample, for what is not in the store; where they are gone, or are not what they were,
    these parts are left out and `notes` says why.
    """
    vocabulary, recipe = dataset.vocabulary(), Recipe.model_validate(dataset.manifest.recipe)
    _check_words(vocabulary)
    notes: list[str] = []
    try:
        units = list(_units(recipe))
        sample = _sample(units, vocabulary, options, recipe.max_record_bytes)
    except PairloomError as error:
        if options.by is not None or options.against:
            raise
        units, sample = [], None
        notes.append(f"no text was sampled: {error}")
    counted = "count" in dataset.manifest.stages
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
    out = about_tokens(vocabulary, tally, options) | {"basis": basis, "notes": notes}
    out["provenance"] = _provenance(dataset, vocabulary)
    out["sources"] = _sources(dataset, sources)
    out |= about_groups(vocabulary, sample, options)
    if sample is not None:
        if options.by is None and "learn" in dataset.manifest.stages:
            options.say("mixture")
            out |= about_mixture(
                vocabulary, sample, {name: one.bytes for name, one in sources.items()}, notes
            )
        out |= _premiums(units, vocabulary, options, recipe.max_record_bytes)
    if "tokenize" in dataset.manifest.stages:
        options.say("token shards")
        out |= document_facts(dataset, vocabulary, options.seq_lens)
    return out


def report_on_vocabulary(
    name: str, vocabulary: Vocabulary, texts: tuple[str, ...], field: str, options: Options
) -> dict[str, Any]:
    """Report on a vocabulary, measured on the text of files: paths or globs, as in a recipe."""
    _check_words(vocabulary)
    if not texts:
        tally = WordTally.empty(len(vocabulary))
        out = about_tokens(vocabulary, tally, options) | {"basis": "no text", "notes": []}
        return out | {"provenance": _vocabulary_facts(name, vocabulary), "sources": [], "groups": []}
    source = Source(name="text", paths=texts, text=field)
    units = plan_units(source, list_inputs(source), 64 << 20)
    sample = _sample(units, vocabulary, options, 1 << 30)
    tally, sources, basis = _from_sample(sample, vocabulary, options)
    out = about_tokens(vocabulary, tally, options) | {"basis": basis, "notes": []}
    out["provenance"] = _vocabulary_facts(name, vocabulary) | {"texts": list(texts)}
    out["sources"] = [
        {"source": key, "documents": sample.groups[key].documents} | one.facts()
        for key, one in sources.items()
    ]
    out["sources_by"] = options.by or "source"
    out |= about_groups(vocabulary, sample, options)
    return out | _premiums(units, vocabulary, options, 1 << 30)


def _check_words(vocabulary: Vocabulary) -> None:
    if vocabulary.foreign is not None:
        raise RecipeError(
            f"a report needs words, and this tokenizer has none: it is {vocabulary.slow_path}. Give it as --against instead"
        )


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


def _premiums(
    units: list[Unit], vocabulary: Vocabulary, options: Options, max_record_bytes: int
) -> dict[str, Any]:
    if options.parallel is None:
        return {}
    if options.by is None:
        raise RecipeError(
            "token premiums need to know the language: name its field with --by, besides --parallel"
        )
    options.say("parallel documents")
    texts = read_parallel(
        units,
        vocabulary,
        language=options.by,
        key=options.parallel,
        limit=options.sample_bytes,
        seed=options.seed,
        max_record_bytes=max_record_bytes,
    )
    if options.reference not in texts:
        raise RecipeError(
            f"premiums cannot be relative to {options.reference!r}: documents that all share are in {', '.join(texts)}; "
            "name one of these with --reference"
        )
    documents = next(iter(texts.values())).documents
    rows = premium_rows(texts, options.reference)
    return {"premiums": {"reference": options.reference, "documents": documents, "rows": rows}}


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
    """The counted units of each source, by what they read; {} where that cannot be known any more."""
    try:
        owner = _owners(dataset, recipe)
    except PairloomError:
        return {}
    found: dict[str, list[str]] = {}
    for unit in units:
        slices = receipt_of(dataset, "count", unit).slices
        if not slices or slices[0][0] not in owner:
            return {}
        found.setdefault(owner[slices[0][0]], []).append(unit)
    return found


def _owners(dataset: Dataset, recipe: Recipe) -> dict[str, str]:
    """The source of each input: as it was tokenized, or else as the recipe's paths have it now."""
    if "tokenize" in dataset.manifest.stages:
        return {piece.uri: shard.source for shard in shards(dataset) for piece in shard.slices}
    return {piece.file.uri: unit.source for unit in _units(recipe) for piece in unit.slices}


def _from_sample(
    sample: TextSample, vocabulary: Vocabulary, options: Options
) -> tuple[WordTally, dict[str, WordTally], str]:
    cut = words_of(vocabulary)
    sources = {name: tally_words(vocabulary, group.words(cut)) for name, group in sample.groups.items()}
    tally = sum(sources.values(), WordTally.empty(len(vocabulary)))
    return tally, sources, says(sample, options)


def _sources(dataset: Dataset, tallies: Mapping[str, WordTally]) -> list[dict[str, Any]]:
    ledgers: dict[str, dict[str, int]] = {}
    for shard in shards(dataset) if "tokenize" in dataset.manifest.stages else ():
        row = ledgers.setdefault(shard.source, {"documents": 0, "rejected": 0, "empty": 0})
        row["documents"] += shard.receipt.ledger.documents_out
        row["rejected"] += shard.receipt.ledger.rejects
        row["empty"] += shard.receipt.ledger.empty
    return [
        {"source": name} | ledgers.get(name, {}) | (tallies[name].facts() if name in tallies else {})
        for name in sorted({*tallies, *ledgers})
    ]


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
