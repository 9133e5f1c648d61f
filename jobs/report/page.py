"""The report as one HTML file that needs nothing else: no network, no fonts, no scripts but the sorting of tables."""

from typing import Any

from pairloom.jobs.report.html import document
from pairloom.jobs.report.naming import named
from pairloom.jobs.report.plots import need_matplotlib
from pairloom.jobs.report.sections.advice import advice
from pairloom.jobs.report.sections.categories import categories
from pairloom.jobs.report.sections.compression import compression
from pairloom.jobs.report.sections.contamination import contamination
from pairloom.jobs.report.sections.contexts import contexts
from pairloom.jobs.report.sections.domains import domains
from pairloom.jobs.report.sections.duplicates import duplicates
from pairloom.jobs.report.sections.lengths import lengths
from pairloom.jobs.report.sections.merges import merges
from pairloom.jobs.report.sections.mixture import mixture
from pairloom.jobs.report.sections.morphology import morphology
from pairloom.jobs.report.sections.ngrams import ngrams
from pairloom.jobs.report.sections.numbers import numbers_and_letters
from pairloom.jobs.report.sections.packing import packing
from pairloom.jobs.report.sections.premiums import premiums
from pairloom.jobs.report.sections.provenance import provenance
from pairloom.jobs.report.sections.scripts import scripts
from pairloom.jobs.report.sections.simple import simple
from pairloom.jobs.report.sections.sizes import sizes
from pairloom.jobs.report.sections.summary import head, title_of
from pairloom.jobs.report.sections.text_lengths import text_lengths
from pairloom.jobs.report.sections.tokens import shape, use
from pairloom.jobs.report.sections.worst import worst

__all__ = ["page"]

SECTIONS = (
    advice,
    compression,
    premiums,
    sizes,
    mixture,
    categories,
    lengths,
    packing,
    text_lengths,
    scripts,
    domains,
    duplicates,
    contamination,
    ngrams,
    worst,
    merges,
    use,
    shape,
    numbers_and_letters,
    contexts,
    simple,
    morphology,
    provenance,
)
"""In the order of the questions that a team asks."""


def page(report: dict[str, Any]) -> str:
    """The page of one report (see `pairloom.pipeline.report`); the same bytes for the same report."""
    need_matplotlib()
    told = named(report)
    title = f"{title_of(report)}: tokenizer report"
    return document(title, head(report), [make(told) for make in SECTIONS])
