"""Exports: what is committed, in the files of another trainer, each token of them checked against the manifest."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.pipeline.export.exporting import export
    from pairloom.pipeline.export.folder import export_folder
    from pairloom.pipeline.export.formats import EXPORTERS
    from pairloom.pipeline.export.gguf import export_gguf
    from pairloom.pipeline.export.given_vocabulary import VocabularyExport, roles_of
    from pairloom.pipeline.export.sentencepiece import export_sentencepiece
    from pairloom.pipeline.export.tiktoken import export_tiktoken, sample_texts

__all__ = [
    "EXPORTERS",
    "VocabularyExport",
    "export",
    "export_folder",
    "export_gguf",
    "export_sentencepiece",
    "export_tiktoken",
    "roles_of",
    "sample_texts",
]

OF_VOCABULARIES = ("tokenizer", "tiktoken", "gguf", "sentencepiece")
"""The formats that are of a vocabulary, not of rows or documents."""

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.pipeline.export.exporting": ("export",),
            "pairloom.pipeline.export.folder": ("export_folder",),
            "pairloom.pipeline.export.formats": ("EXPORTERS",),
            "pairloom.pipeline.export.gguf": ("export_gguf",),
            "pairloom.pipeline.export.given_vocabulary": ("VocabularyExport", "roles_of"),
            "pairloom.pipeline.export.sentencepiece": ("export_sentencepiece",),
            "pairloom.pipeline.export.tiktoken": ("export_tiktoken", "sample_texts"),
        },
    )
