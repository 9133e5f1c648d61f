"""What a report says, gathered: from what is stored where that can say it, from the text where not.

    word counts ──▶ tokens of every word ──▶ compression, use of tokens, sizes, mixture
    token shards ──▶ lengths of documents, the worst-tokenized
    text ──▶ groups by a field, other tokenizers, numbers

Each line is a step of tasks that run where the recipe's do, and leave nothing in the root. Everything that is found is a
plain value that JSON can hold.
"""

import platform
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pairloom.operators import Vocabulary
from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.operators.evaluate.placed import is_placed
from pairloom.operators.evaluate.premium import explained, mean_token_length, premium_rows, token_overlap
from pairloom.operators.evaluate.word_tally import WordTally
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.pipeline.audit.expected import shards
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.units import Unit, plan_units
from pairloom.pipeline.recipe import CorpusSource, Execution, Recipe
from pairloom.pipeline.report.categories import about_categories
from pairloom.pipeline.report.compare import Measured
from pairloom.pipeline.report.counts import Counted, counted_role, read_counts
from pairloom.pipeline.report.documents import document_facts
from pairloom.pipeline.report.groups import about_groups, about_mixture, says
from pairloom.pipeline.report.morphology import about_morphology
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.own import own_vocabularies
from pairloom.pipeline.report.parallel import read_parallel
from pairloom.pipeline.report.probes import about_probes
from pairloom.pipeline.report.simple import about_simple
from pairloom.pipeline.report.sizes import about_sizes
from pairloom.pipeline.report.statistics import about_statistics
from pairloom.pipeline.report.sums import TextSums
from pairloom.pipeline.report.text import UNIT_BYTES, read_text
from pairloom.pipeline.report.tokens import about_tokens

__all__ = ["measure_root", "measure_vocabulary", "report_on_root", "report_on_vocabulary"]


COMPARED_BYTES = 256 << 10  # of the text of a report, which two vocabularies are compared on token by token


def report_on_root(dataset: Dataset, options: Options) -> dict[str, Any]:
    """Report on the vocabulary and the tokens of a committed generation; see `measure_root`."""
    return measure_root(dataset.objects.root, dataset, options).report


def measure_root(name: str, dataset: Dataset, options: Options) -> Measured:
    """Report on the vocabulary and the tokens of a committed generation, and hand on what it was made of.

    The sources are read again for what is not in the store; where they are gone, or are not what they were, these parts
    are left out and `notes` says why.
    """
    vocabulary, recipe = dataset.vocabulary(), Recipe.model_validate(dataset.manifest.recipe)
    _check_text(vocabulary)
    executor = options.place(recipe.execution)
    notes: list[str] = _left_out(vocabulary)
    counted: Counted | None = None
    if vocabulary.model.by_words and "count" in dataset.manifest.stages and counted_role(recipe) is not None:
        counted = read_counts(dataset, recipe, vocabulary, _owners(dataset, recipe), options, executor)
    tokenizers = {"this": vocabulary, **options.against}
    # Where the groups are the sources, and these are known by their counts, no word is looked at again.
    known = counted.sources if counted is not None and options.by is None else {}
    units: list[Unit] = []
    text: TextSums | None = None
    try:
        units = list(_units(recipe, dataset))
        again = not known or bool(options.against) or options.sample_bytes is not None
        text = read_text(
            units,
            tokenizers,
            options,
            executor,
            words=again,
            max_record_bytes=recipe.max_record_bytes,
            max_rejected=1.0,  # the run has compared all of them with what its recipe allows
        )
    except PairloomError as error:
        if options.by is not None or options.against:
            raise
        notes.append(f"no text was read: {error}")
    if counted is not None:
        tally, sources, basis = counted.tally, counted.sources, "every word of the corpus, from its counts"
    elif text is not None:
        tally, sources, basis = text.tally, _tallies(text), says(text, options)
    else:
        raise RecipeError(
            f"{dataset.objects.root} has no word counts, and its text cannot be read: {notes[-1]}. Run the recipe where "
            "its inputs are, or report on the vocabulary with --text"
        )
    out = about_tokens(vocabulary, tally, options) | {"basis": basis, "notes": notes}
    if counted is None:
        _without_distinct(out["summary"])
    out["provenance"] = _provenance(dataset, vocabulary)
    out["sources"] = _sources(dataset, sources, distinct=counted is not None)
    out |= about_groups(tokenizers, text, known, options)
    out |= about_categories(vocabulary, options, executor)
    if counted is not None:
        out |= about_mixture(vocabulary, counted, recipe.count_weights(), notes)
    if text is not None:
        out |= _premiums(units, vocabulary, options, executor, recipe.max_record_bytes, text)
    out |= _of_kept_text(tokenizers, text, out.get("premiums"), options)
    if "tokenize" in dataset.manifest.stages:
        out |= document_facts(dataset, vocabulary, options, executor)
    if "statistics" in dataset.manifest.stages:
        out |= about_statistics(dataset, vocabulary)
    if "pack" in dataset.manifest.stages:
        out["packing"] = _packing(dataset)
    return Measured(
        name=name,
        report=out,
        vocabulary=vocabulary,
        counts=tally.token_counts,
        texts=() if text is None else text.sample(COMPARED_BYTES),
    )


def report_on_vocabulary(
    name: str, vocabulary: Vocabulary, texts: tuple[str, ...], field: str, options: Options
) -> dict[str, Any]:
    """Report on a vocabulary, measured on the text of files: paths or globs, as in a recipe."""
    return measure_vocabulary(name, vocabulary, texts, field, options).report


def measure_vocabulary(
    name: str, vocabulary: Vocabulary, texts: tuple[str, ...], field: str, options: Options
) -> Measured:
    """Report on a vocabulary, and hand on how often its tokens occur in the text, if there is one."""
    _check_text(vocabulary)
    executor = options.place(Execution(engine="local"))
    categories = about_categories(vocabulary, options, executor)
    if not texts:
        tally = WordTally.empty(len(vocabulary))
        out = about_tokens(vocabulary, tally, options) | {"basis": "no text", "notes": _left_out(vocabulary)}
        out |= {"provenance": _vocabulary_facts(name, vocabulary), "sources": [], "groups": []} | categories
        return Measured(name=name, report=out, vocabulary=vocabulary)
    source = CorpusSource(name="text", paths=texts, text=field)
    files = list_inputs(source)
    check_sources([(source, files)], max_rejected=options.max_rejected, max_record_bytes=1 << 30)
    units = plan_units(source, files, UNIT_BYTES)
    tokenizers = {"this": vocabulary, **options.against}
    text = read_text(units, tokenizers, options, executor, max_rejected=options.max_rejected)
    out = about_tokens(vocabulary, text.tally, options) | {
        "basis": says(text, options),
        "notes": _left_out(vocabulary),
    }
    _without_distinct(out["summary"])
    out["provenance"] = _vocabulary_facts(name, vocabulary) | {"texts": list(texts)}
    out["sources"] = [
        {"source": key, "documents": text.groups[key].documents} | _without_distinct(one.facts())
        for key, one in _tallies(text).items()
    ]
    out["sources_by"] = options.by or "source"
    out |= categories | about_groups(tokenizers, text, {}, options)
    out |= _premiums(units, vocabulary, options, executor, 1 << 30)
    out |= _of_kept_text(tokenizers, text, out.get("premiums"), options)
    return Measured(
        name=name,
        report=out,
        vocabulary=vocabulary,
        counts=text.tally.token_counts,
        texts=text.sample(COMPARED_BYTES),
    )


def _of_kept_text(
    tokenizers: Mapping[str, Vocabulary],
    text: TextSums | None,
    premiums: dict[str, Any] | None,
    options: Options,
) -> dict[str, Any]:
    """What is measured on some text of each group, or on no text of the corpus at all."""
    return (
        about_sizes(tokenizers["this"], text, premiums, options)
        | about_morphology(tokenizers, text, options)
        | about_simple(tokenizers, text, options)
        | about_probes(tokenizers)
    )


def _check_text(vocabulary: Vocabulary) -> None:
    if not vocabulary.model.takes_text:
        raise RecipeError(
            f"a report needs texts, and a vocabulary of the model {vocabulary.model.name!r} has none: there is nothing to report on"
        )


def _left_out(vocabulary: Vocabulary) -> list[str]:
    """What is not said of a vocabulary, and why."""
    model = vocabulary.model
    why = f"texts are taken as a whole by the model {model.name!r}"
    notes = []
    if not model.by_words:
        notes.append(
            f"No figures by word, and none of tokens that no text becomes: {why}, and what a word becomes depends on its place."
        )
    if not isinstance(model, ByteLevelBPE):
        notes.append(
            f"No sizes, merges and mixture: the model {model.name!r} has no list of byte-level merges of which the first are a "
            "smaller vocabulary."
        )
    if not is_placed(vocabulary):
        notes.append(
            f"No letters, digits, sums and ends of morphemes: nobody knows where in a text tokens of the model {model.name!r} are."
        )
    return notes


def _units(recipe: Recipe, dataset: Dataset) -> Iterator[Unit]:
    hub = Repositories(dataset.manifest.revisions)
    for source in recipe.corpus:
        yield from plan_units(source, list_inputs(source, recipe.root, hub), UNIT_BYTES, hub)


def _premiums(
    units: list[Unit],
    vocabulary: Vocabulary,
    options: Options,
    executor: Executor,
    max_record_bytes: int,
    corpus: TextSums | None = None,
) -> dict[str, Any]:
    """Premiums of the languages; `corpus` is what the vocabulary was learned from, by language, where that is known."""
    if options.parallel is None:
        if options.own is not None:
            raise RecipeError(
                "vocabularies of the languages' own need documents that all share: add --parallel FIELD to --own"
            )
        return {}
    if options.by is None:
        raise RecipeError(
            "token premiums need to know the language: name its field with --by, besides --parallel"
        )
    texts, used = read_parallel(units, vocabulary, options, executor, max_record_bytes=max_record_bytes)
    if options.reference not in texts:
        raise RecipeError(
            f"premiums cannot be relative to {options.reference!r}: documents that all share are in {', '.join(texts)}; "
            "name one of these with --reference"
        )
    documents = next(iter(texts.values())).documents
    rows = premium_rows(texts, options.reference)
    for row in rows:
        name = str(row["language"])
        row["mean_token_length"] = mean_token_length(vocabulary.tokens, used[name])
        if corpus is not None and name in corpus.groups:
            row["similarity"] = token_overlap(
                corpus.groups[name].used_tokens(len(vocabulary)).astype(np.int64), used[name].astype(np.int64)
            )
    about: dict[str, Any] = {"reference": options.reference, "documents": documents, "rows": rows}
    found = {"premiums": about | {"explained": explained(rows)}}
    if options.own is not None:
        found |= own_vocabularies(units, vocabulary, about, options, executor, max_record_bytes)
    return found


def _owners(dataset: Dataset, recipe: Recipe) -> dict[str, str] | None:
    """The source of each input, as it was tokenized, or else as the recipe's paths have it now; None if not known."""
    if "tokenize" in dataset.manifest.stages:
        return {piece.uri: shard.source for shard in shards(dataset) for piece in shard.slices}
    try:
        return {piece.file.uri: unit.source for unit in _units(recipe, dataset) for piece in unit.slices}
    except PairloomError:
        return None


def _tallies(text: TextSums) -> dict[str, WordTally]:
    """The vocabulary's tally of each group, without the counts of its tokens."""
    empty = WordTally.empty(0)
    return {
        name: WordTally(
            token_counts=empty.token_counts,
            sums=group.sums.get("this", empty.sums),
            tokens_per_word=empty.tokens_per_word,
        )
        for name, group in text.groups.items()
    }


def _without_distinct(facts: dict[str, float]) -> dict[str, float]:
    """Without the number of distinct words, which tasks that read text do not know together."""
    facts.pop("distinct_words", None)
    return facts


def _sources(dataset: Dataset, tallies: Mapping[str, WordTally], *, distinct: bool) -> list[dict[str, Any]]:
    ledgers: dict[str, dict[str, int]] = {}
    for shard in shards(dataset) if "tokenize" in dataset.manifest.stages else ():
        row = ledgers.setdefault(shard.source, {"documents": 0, "rejected": 0, "filtered": 0, "empty": 0})
        row["documents"] += shard.receipt.ledger.documents_out
        row["rejected"] += shard.receipt.ledger.rejects
        row["filtered"] += sum(shard.receipt.ledger.filtered.values())
        row["empty"] += shard.receipt.ledger.empty
    selected = dataset.manifest.stages.get("select")
    if selected is not None and selected.ledger.deduplicated:
        for source in selected.sources:
            ledgers.get(source.name, {})["duplicates"] = source.duplicate_documents
    facts = {name: tally.facts() for name, tally in tallies.items()}
    if not distinct:
        facts = {name: _without_distinct(one) for name, one in facts.items()}
    return [
        {"source": name} | ledgers.get(name, {}) | facts.get(name, {})
        for name in sorted({*tallies, *ledgers})
    ]


def _packing(dataset: Dataset) -> list[dict[str, Any]]:
    """How well each split is packed, as the manifest has it; `efficiency` is the share of the rows that is no padding."""
    return [
        {"split": split, "efficiency": facts["tokens"] / max(1, facts["tokens"] + facts["padding"])}
        | {"documents_per_row": facts["segments"] / max(1, facts["rows"])}
        | dict(facts)
        for split, facts in dataset.manifest.stage("pack").splits.items()
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
