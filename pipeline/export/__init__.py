"""Exports: what is committed, in the files of another trainer, each token of them checked against the manifest."""

from pairloom.pipeline.export.exporting import export
from pairloom.pipeline.export.formats import EXPORTERS
from pairloom.pipeline.export.tiktoken import export_tiktoken, sample_texts

__all__ = ["EXPORTERS", "export", "export_tiktoken", "sample_texts"]
