"""The step that repairs text which was decoded by the wrong encoding."""

from dataclasses import dataclass
from typing import Any

from pairloom.operators.documents import DocumentBatch, DocumentStep
from pairloom.operators.errors import RecipeError

__all__ = ["FixEncoding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FixEncoding(DocumentStep):
    """Repairs text that was decoded by the wrong encoding ("schÃ¶n"), by the library ftfy, which the extra `clean` brings.

    With `everything`, ftfy does all that it does by default: it takes out terminal escapes and control characters, writes
    ligatures, quotes and widths of characters plainly, decodes entities of HTML, and normalizes to NFC. ASCII has nothing to
    repair, and is not looked at where only the encoding is. The version of the library is part of the step's identity.
    """

    name = "fix_encoding"
    source = "Speer, ftfy: fixes text for you (Zenodo, 2019, doi 10.5281/zenodo.2591652)"

    everything: bool = False

    def identity(self) -> object:
        """The keys, and the version of the library."""
        from pairloom.operators.steps import step_identity

        return step_identity(self) | {"ftfy": _ftfy().__version__}

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, repaired."""
        import pyarrow as pa
        import pyarrow.compute as pc

        ftfy = _ftfy()
        if self.everything:
            return batch.with_content([ftfy.fix_text(text) for text in batch.content.to_pylist()])
        odd = pc.invert(pc.string_is_ascii(batch.content))
        if not pc.any(odd).as_py():
            return batch
        fixed = [ftfy.fix_encoding(text) for text in batch.content.filter(odd).to_pylist()]
        return batch.with_content(
            pc.replace_with_mask(batch.content, odd, pa.array(fixed, pa.large_string()))
        )


def _ftfy() -> Any:
    try:
        import ftfy
    except ImportError as error:
        raise RecipeError(
            "the step fix_encoding needs ftfy on every machine: pip install 'pairloom[clean]'"
        ) from error
    return ftfy
