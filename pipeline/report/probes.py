"""Short texts that every tokenizer cuts for all to see: sums, dates, identifiers, letters."""

from collections.abc import Mapping
from typing import Any

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.content import counting_forms
from pairloom.pipeline.report.documents import spelled

__all__ = ["about_probes"]

PROBES = (
    "2307350+6058422=8365772",
    "1234567 1,234,567 3.14159 2026-11-22 0xdeadbeef",
    "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    *(counting_forms("abbab")[form] for form in ("plain", "spaced", "commas", "quoted")),
)


def about_probes(tokenizers: Mapping[str, Vocabulary]) -> dict[str, Any]:
    """The pieces of each text by each tokenizer, with how many tokens each piece is."""
    return {
        "probes": {
            name: [spelled(one, one.encode_one(text).tolist()) for text in PROBES]
            for name, one in tokenizers.items()
        }
    }
