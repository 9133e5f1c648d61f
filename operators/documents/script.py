"""The step that leaves out documents in other scripts."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["Script"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script(DocumentStep):
    """Leaves out documents of whose letters too small a share is of some scripts: Latin, Cyrillic, Han, ...

    Scripts and letters are those of Unicode 16. A document without letters is left out too.

    >>> Script(scripts=("Greek",))(DocumentBatch.of(["ab", "αβγ a", "1"])).content.to_pylist()
    ['αβγ a']
    """

    name = "script"
    compiled = True
    source = "Unicode Standard Annex #24, Unicode Script Property"

    scripts: tuple[str, ...]
    min_share: float = 0.5

    def __post_init__(self) -> None:
        from pairloom.operators.text.pretokenize.patterns.properties import SCRIPTS

        known = [name for name in SCRIPTS if name not in ("Common", "Inherited")]
        if wrong := [name for name in self.scripts if name not in known]:
            raise ValueError(f"scripts has {wrong[0]!r}; there are: {', '.join(known)}")
        if not self.scripts:
            raise ValueError(f"scripts must not be empty; there are: {', '.join(known)}")
        if not 0 <= self.min_share <= 1:
            raise ValueError(f"min_share is a share from 0 to 1, got {self.min_share}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that are written so."""
        import numpy as np

        from pairloom.operators.documents._rules import ratio, texts_of, without_broken
        from pairloom.operators.documents._scripts import script_table
        from pairloom.operators.documents.kernels.scripts import count_letters

        text = texts_of(batch)
        block_of, blocks = script_table(self.scripts)
        out = np.zeros((len(batch), 2), np.int64)
        count_letters(text.data, text.offsets, block_of, blocks, out)
        letters, wanted = out[:, 0], out[:, 1]
        return without_broken(
            batch, [("no letters", letters == 0), ("other scripts", ratio(wanted, letters) < self.min_share)]
        )
