"""Documents, and the steps that they go through before anybody counts, encodes or reports on them.

    Reader ──▶ documents ──▶ DocumentStep ──▶ … ──▶ count, tokenize, report, verify

A step is a class in a file of this folder that is named as it is; another distribution brings one by an entry point of the
group `pairloom.steps`. Nothing heavy is imported until documents flow, so that a recipe is checked at once.
"""

from typing import TYPE_CHECKING

from pairloom.operators.documents._step import DocumentStep, Entries, Hit, Wanted, apply_step
from pairloom.operators.lazy import lazily
from pairloom.operators.registry import Registry

if TYPE_CHECKING:
    from pairloom.operators.documents._batch import DocumentBatch
    from pairloom.operators.documents._groups import groups_of, incomplete, named, numbered
    from pairloom.operators.documents._letters import DeadLetter, excerpt_of
    from pairloom.operators.documents._spans import (
        LOSS_MASK,
        LOSS_WEIGHT,
        SPECIAL,
        Spanned,
        spanned_by,
        spans_of,
        special_spans_of,
    )

__all__ = [
    "DOCUMENT_STEPS",
    "LOSS_MASK",
    "LOSS_WEIGHT",
    "SPECIAL",
    "DeadLetter",
    "DocumentBatch",
    "DocumentStep",
    "Entries",
    "Hit",
    "Spanned",
    "Wanted",
    "apply_step",
    "excerpt_of",
    "groups_of",
    "incomplete",
    "named",
    "numbered",
    "spanned_by",
    "spans_of",
    "special_spans_of",
]

DOCUMENT_STEPS: Registry[DocumentStep] = Registry(
    kind="document step",
    package="pairloom.operators.documents",
    base="pairloom.operators.documents:DocumentStep",
    group="pairloom.steps",
    siblings=("pairloom.operators.transforms:TRANSFORMS", "pairloom.operators.layouts:LAYOUTS"),
    place="corpus.steps",
)

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        "pairloom.operators.documents",
        {
            "pairloom.operators.documents._batch": ("DocumentBatch",),
            "pairloom.operators.documents._groups": ("groups_of", "incomplete", "named", "numbered"),
            "pairloom.operators.documents._letters": ("DeadLetter", "excerpt_of"),
            "pairloom.operators.documents._spans": (
                "LOSS_MASK",
                "LOSS_WEIGHT",
                "SPECIAL",
                "Spanned",
                "spanned_by",
                "spans_of",
                "special_spans_of",
            ),
        },
    )
