"""Exports: what is committed, in the files of another trainer, each token of them checked against the manifest."""

from pairloom.pipeline.export.formats import FORMATS, export
from pairloom.pipeline.export.tiktoken import export_tiktoken, sample_texts

__all__ = ["FORMATS", "export", "export_tiktoken", "sample_texts"]
