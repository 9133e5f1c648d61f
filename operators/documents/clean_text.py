"""The step that takes out of text what nobody sees."""

from dataclasses import dataclass
from typing import Any, Literal

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["CleanText"]

# Code points by number, so that it is the same with every version of Unicode and of Arrow.
_NEWLINES = "\r\n|[\r\u0085\u2028\u2029]"
_CONTROL = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]"
_INVISIBLE = "[\u00ad\u200b\u2060-\u2064\u202a-\u202e\u2066-\u206f\ufdd0-\ufdef\ufeff\ufff9-\uffff]"
_SPACES = "[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanText(DocumentStep):
    r"""Takes control and invisible characters out of text, writes newlines in one way, and normalizes if it is asked to.

    `newlines` makes "\n" of "\r\n", "\r" and the separators of Unicode. `control` takes out control characters but tab and newline;
    `invisible` soft hyphens, zero-width spaces, byte order marks, marks of direction that override, and what is no character;
    joiners, which scripts and emoji need, stay. `spaces` makes a blank of every other space, `trailing` takes white space off the
    ends of lines, and of more than `max_newlines` newlines in a row so many stay. `form` is nfc, nfd, nfkc, nfkd or none.

    >>> CleanText(max_newlines=2)(DocumentBatch.of(["\ufeffa\r\nb\x00\u200b\n\n\n\nc"])).content.to_pylist()
    ['a\nb\n\nc']
    """

    name = "clean_text"
    source = "Unicode Standard Annexes #9, #14 and #15"

    newlines: bool = True
    control: bool = True
    invisible: bool = True
    spaces: bool = False
    trailing: bool = False
    max_newlines: int | None = None
    form: Literal["none", "nfc", "nfd", "nfkc", "nfkd"] = "none"

    def __post_init__(self) -> None:
        if self.max_newlines is not None and self.max_newlines < 1:
            raise ValueError(f"max_newlines must be positive, got {self.max_newlines}")

    def identity(self) -> object:
        """The keys, and the tables of the form."""
        from pairloom.operators.steps import step_identity
        from pairloom.operators.text.normalize import normalizer_identity

        return step_identity(self) | {"form": normalizer_identity(self.form)}

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, cleaned."""
        from pairloom.operators.text.normalize import normalize

        texts: Any = batch.content
        rules = [
            (self.newlines, _NEWLINES, "\n"),
            (self.control, _CONTROL, ""),
            (self.invisible, _INVISIBLE, ""),
            (self.spaces, _SPACES, " "),
        ]
        for asked, pattern, other in rules:
            texts = _replaced(texts, pattern, other) if asked else texts
        texts = normalize(texts, self.form)
        if self.trailing:
            texts = _replaced(texts, "(?m)[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+$", "")
        if self.max_newlines is not None:
            texts = _replaced(texts, f"(\n{{{self.max_newlines}}})\n+", r"\1")
        return batch if texts is batch.content else batch.with_content(texts)


def _replaced(texts: Any, pattern: str, other: str) -> Any:
    """Texts with something else in place of a pattern; those without it are not touched."""
    import pyarrow.compute as pc

    there = pc.match_substring_regex(texts, pattern)
    if not pc.any(there).as_py():
        return texts
    changed = pc.replace_substring_regex(texts.filter(there), pattern, other)
    return pc.replace_with_mask(texts, there, changed)
