"""What a context of so many tokens holds, by content and tokenizer, and what the tokens tell by themselves."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.naming import of
from pairloom.jobs.report.tables import compact, table

__all__ = ["contexts"]

CONTEXT = 8192
MODELS = {
    "tokens": "tokens by their frequency alone",
    "order_0": "bytes by their frequency alone",
    "order_1": "bytes, given the one before",
    "order_2": "bytes, given the two before",
    "order_3": "bytes, given the three before",
}


def contexts(report: dict[str, Any]) -> str:
    """Characters in a context, of text, numbers, and the identifiers that needle tests are made of."""
    content, entropy = report.get("content", {}), report.get("entropy", {})
    rows: dict[str, dict[str, Any]] = {}
    for name, found in content.items():
        for one in found:
            row = rows.setdefault(one["content"], {"content": one["content"]})
            row[name] = one["characters_per_token"]
            row[f"context {name}"] = round(one["characters_per_token"] * CONTEXT)
    columns = {"content": "content"} | {
        f"context {name}": (of("characters", name), compact) for name in content
    }
    columns |= {name: of("characters per token", name) for name in content}
    bits = [{"model": text, "bits": entropy[key]} for key, text in MODELS.items() if key in entropy]
    shown = ""
    if rows:
        ordered = sorted(rows.values(), key=lambda row: -max(row.get(name, 0) for name in content))
        svg = plots.bars(
            [row["content"] for row in ordered],
            {name: [row.get(f"context {name}", 0) for row in ordered] for name in content},
            label="characters in a context",
            x=f"characters in {CONTEXT:,} tokens",
        )
        what = (
            "A needle test of UUIDs is as long in tokens as far more prose: never compare contexts in tokens across "
            "tokenizers, or across content."
        )
        shown = pair(figure(svg, what), table(list(rows.values()), columns, label="what a context holds"))
    return section(
        "What a context holds",
        f"How much of each content fits {CONTEXT:,} tokens?",
        shown,
        table(
            bits,
            {"model": "model", "bits": "bits per byte"},
            "How much structure the tokens hold by themselves: of held-out documents, from others (bytes: of the same)",
        ),
    )
