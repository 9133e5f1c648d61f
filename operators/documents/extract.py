"""The step that takes the main text out of pages of HTML."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from pairloom.operators.documents import DocumentBatch, DocumentStep
from pairloom.operators.errors import RecipeError

__all__ = ["Extract"]

_DETAIL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract(DocumentStep):
    """Takes the main text of pages of HTML, without menus, scripts and notices, by a library that does it.

    Pages without any are left out. The library (`pip install "pairloom[trafilatura]"`, or `resiliparse`) and its version are
    part of the step's identity: it is the same on every machine, and another version extracts anew.
    """

    name = "extract"
    source = "Barbaresi, 2021: Trafilatura; Bevendorff et al., 2018: Elastic ChatNoir (Resiliparse)"

    by: Literal["trafilatura", "resiliparse"]

    def identity(self) -> object:
        """The library and its version, beside everything else."""
        try:
            installed = version(self.by)
        except PackageNotFoundError as error:
            raise RecipeError(
                f"the step extract needs {self.by} on every machine: pip install 'pairloom[{self.by}]'"
            ) from error
        return {"name": self.name, "version": self.version, "by": self.by, "library": installed}

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The texts of pages; one that the library cannot read is rejected."""
        extract, texts, faults = _extractor(self.by), [], {}
        for i, page in enumerate(batch.content.to_pylist()):
            try:
                texts.append(extract(page) or "")
            except Exception as error:  # noqa: BLE001  (whatever a parser raises for a broken page)
                texts.append("")
                faults[i] = f"{self.by} raised {type(error).__name__}: {error}"[:_DETAIL]
        made = batch.with_content(texts)
        bad = [i in faults for i in range(len(made))]
        if faults:
            kept = [i for i in range(len(made)) if i not in faults]
            made = batch.reject(bad, "not_extracted", list(faults.values())).with_content(
                [texts[i] for i in kept]
            )
        return made.drop([not text for text in made.content.to_pylist()], "no text")


@lru_cache
def _extractor(by: str) -> Callable[[str], str | None]:
    """What takes the text of a page."""
    try:
        if by == "trafilatura":
            trafilatura = import_module("trafilatura")
            for name in ("trafilatura", "htmldate", "courlan"):  # which say of every odd page that it is odd
                logging.getLogger(name).setLevel(logging.CRITICAL)
            return lambda page: _text(trafilatura.extract(page, include_comments=False))
        plain = import_module("resiliparse.extract.html2text").extract_plain_text
        return lambda page: _text(plain(page, main_content=True))
    except ImportError as error:
        raise RecipeError(
            f"the step extract needs {by} on every machine ({error}): pip install 'pairloom[{by}]'"
        ) from error


def _text(made: str | None) -> str | None:
    """A text that can be written as UTF-8."""
    return None if made is None else made.encode("utf-8", "replace").decode("utf-8")
