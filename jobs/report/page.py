"""The report as one HTML file that needs nothing else: no network, no fonts, no scripts but the sorting of tables."""

import json
from importlib import resources
from typing import Any

from pairloom.jobs.progress import size_text
from pairloom.jobs.report import plots
from pairloom.jobs.report.html import number, section, shown, spans, table, tiles, token

__all__ = ["compare_page", "page"]

CONTEXT = 8192
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def page(report: dict[str, Any]) -> str:
    """The page of one report (see `pairloom.pipeline.report`); the same bytes for the same report."""
    plots.need_matplotlib()
    facts, about = report["summary"], report["provenance"]
    head = {
        "tokens in the vocabulary": number(facts["vocabulary"]),
        "bytes per token": number(facts["bytes_per_token"]),
        "characters per token": number(facts["characters_per_token"]),
        "tokens per word of letters": number(facts["fertility"]),
        "words that are one token": f"{facts['single_token_words']:.1%}",
        f"Rényi efficiency, order {facts['alpha']:g}": number(facts["renyi_efficiency"]),
        "tokens never used": f"{report['use']['never'] / max(1, report['use']['ordinary']):.2%}",
        "measured": size_text(facts["bytes"]),
    }
    notes = "".join(f'<p class="bad">{shown(note)}</p>' for note in report["notes"])
    said = shown(
        f"Vocabulary {about['fingerprint'][:16]}, {about['pretokenizer']}. Measured on {report['basis']}."
    )
    parts = [
        f"<h1>{shown(about['name'])}</h1>",
        f'<p class="soft">{said}</p>{notes}',
        tiles(head),
        _groups(report),
        _curve(report),
        _mixture(report),
        _premiums(report),
        _documents(report),
        _use(report),
        _shape(report),
        _numbers(report),
        _content(report),
        _worst(report),
        _merges(report),
        _provenance(about),
    ]
    return _document(f"{about['name']}: tokenizer report", parts)


def compare_page(reports: dict[str, dict[str, Any]]) -> str:
    """Reports side by side: figures, curves of sizes, the tokens' ranks. The same bytes for the same reports."""
    plots.need_matplotlib()
    first = next(iter(reports.values()))
    keys = [key for key, value in first["summary"].items() if isinstance(value, int | float)]
    rows = []
    for key in keys:
        values = {name: one["summary"].get(key) for name, one in reports.items()}
        rows.append({"figure": key.replace("_", " ")} | values | {"change": _change(list(values.values()))})
    uses = [
        {"figure": key.replace("_", " ")} | {name: one["use"].get(key) for name, one in reports.items()}
        for key in first["use"]
    ]
    columns = {"figure": "figure"} | {name: name for name in reports}
    curves = {
        name: [(p["size"], p["bytes_per_token"]) for p in one["curve"]] for name, one in reports.items()
    }
    ranks = {name: one["rank_frequency"] for name, one in reports.items()}
    basis = "".join(
        f'<p class="soft">{shown(name)}: {shown(one["basis"])}, vocabulary {shown(one["provenance"]["fingerprint"][:16])}</p>'
        for name, one in reports.items()
    )
    sources: dict[str, dict[str, Any]] = {}
    for name, one in reports.items():
        for row in one["sources"]:
            if "bytes_per_token" in row:
                sources.setdefault(row["source"], {"source": row["source"]})[name] = row["bytes_per_token"]
    parts = [
        f"<h1>{' against '.join(shown(name) for name in reports)}</h1>{basis}",
        section("Figures", table(rows, columns | {"change%": "change"})),
        section(
            "Bytes per token, by the size of the vocabulary",
            _figure(
                plots.line(curves, label="bytes per token by size", x="vocabulary size", y="bytes per token"),
                "",
            ),
        ),
        section(
            "Bytes per token, by source",
            table(list(sources.values()), {"source": "source"} | {n: n for n in reports}),
        ),
        section("Use of the tokens", table(uses, columns)),
        section(
            "How often the tokens occur",
            _figure(plots.line(ranks, label="counts by rank", x="rank", y="count", log=(True, True)), ""),
        ),
    ]
    return _document(f"{' against '.join(reports)}: tokenizer report", parts)


def _change(values: list[float | None]) -> float | None:
    before, after = values[0], values[-1]
    return (after - before) / before if before and after is not None else None


def _document(title: str, parts: list[str]) -> str:
    folder = resources.files("pairloom.jobs.report")
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = (folder / "page.js").read_text(encoding="utf-8")
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{shown(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{shown(caption)}</figcaption></figure>"


def _groups(report: dict[str, Any]) -> str:
    groups = report["groups"]
    if not groups:
        return section("By source", _source_table(report))
    names = list(groups[0]["tokenizers"])
    rows = []
    for group in groups:
        row = {key: group[key] for key in ("group", "documents", "bytes")}
        for name in names:
            row[f"bpt {name}"] = group["tokenizers"][name]["bytes_per_token"]
            row[f"cpt {name}"] = group["tokenizers"][name]["characters_per_token"]
        for name in names[1:]:
            row[f"more {name}"] = row[f"bpt {names[0]}"] / max(1e-12, row[f"bpt {name}"]) - 1
        rows.append(row)
    columns = {"group": report["grouped_by"], "documents": "documents", "bytes": "bytes"}
    columns |= {f"bpt {name}": f"bytes/token {name}" for name in names}
    columns |= {f"more {name}%": f"against {name}" for name in names[1:]}
    columns |= {f"cpt {name}": f"characters/token {name}" for name in names}
    top = sorted(rows, key=lambda row: -row[f"bpt {names[0]}"])[:24]
    series = {name: [row[f"bpt {name}"] for row in top] for name in names}
    svg = plots.bars(
        [row["group"] for row in top], series, label="bytes per token by group", x="bytes per token"
    )
    left = report.get("groups_left_out", 0)
    more = f" {left} smaller groups are left out." if left else ""
    what = (
        f"How many bytes does a token hold, by {report['grouped_by']}? Longer bars are cheaper text. "
        f"From {report['sample']}.{more}"
    )
    both = f'<div class="pair"><div>{_figure(svg, what)}</div><div>{table(rows, columns)}</div></div>'
    return section(f"Compression by {report['grouped_by']}", both, _source_table(report))


def _source_table(report: dict[str, Any]) -> str:
    columns = {
        "source": report.get("sources_by", "source"),
        "documents": "documents",
        "bytes": "bytes",
        "tokens": "tokens",
        "bytes_per_token": "bytes/token",
        "characters_per_token": "characters/token",
        "words_per_token": "words/token",
        "fertility": "tokens/word of letters",
        "single_token_words%": "one-token words",
        "rejected": "rejected",
    }
    kinds = {
        "kind": "kind of word",
        "words": "words",
        "tokens": "tokens",
        "share_of_tokens%": "share of tokens",
        "bytes_per_token": "bytes/token",
        "tokens_per_word": "tokens/word",
        "single_token_words%": "one-token words",
    }
    return table(report["sources"], columns, f"Each {columns['source']}, on {report['basis']}") + table(
        report["kinds"], kinds, "Where the tokens go: text, digits, white space, symbols"
    )


def _curve(report: dict[str, Any]) -> str:
    curve = report["curve"]
    if not curve:
        return ""
    points = {"": [(point["size"], point["bytes_per_token"]) for point in curve]}
    svg = plots.line(points, label="bytes per token by size", x="vocabulary size", y="bytes per token")
    rows = []
    for before, point in zip([None, *curve], curve, strict=False):
        gain = None if before is None else 1 - point["tokens"] / max(1, before["tokens"])
        rows.append(point | {"saved": gain})
    columns = {
        "size": "vocabulary size",
        "bytes_per_token": "bytes/token",
        "tokens": "tokens",
        "saved%": "fewer tokens",
    }
    what = "Is the vocabulary too large or too small? The same text, with the first merges only: exact at every size."
    return section(
        "Vocabulary size",
        f'<div class="pair"><div>{_figure(svg, what)}</div><div>{table(rows, columns)}</div></div>',
    )


def _documents(report: dict[str, Any]) -> str:
    documents = report.get("documents", [])
    if not documents:
        return ""
    whole = documents[0]
    lengths = [row["seq_len"] for row in whole["at_lengths"]]
    edges = [low for low, _, _ in whole["histogram"]]
    tokens = [tokens for _, _, tokens in whole["histogram"]]
    svg = plots.histogram(
        edges,
        tokens,
        label="tokens by length of document",
        x="tokens in the document",
        y="tokens",
        marks=lengths,
    )
    rows = [{"source": one["source"]} | row for one in documents for row in one["at_lengths"]]
    columns = {
        "source": "source",
        "seq_len": "sequence length",
        "whole%": "documents that fit",
        "whole_tokens%": "tokens in them",
        "truncated%": "tokens truncated",
        "padding%": "padding, one a row",
        "pieces": "rows a document",
    }
    quantiles = [
        {"source": one["source"], "documents": one["documents"], "tokens": one["tokens"]} | one["quantiles"]
        for one in documents
    ]
    names = {key: key for key in ("source", "documents", "tokens", *whole["quantiles"])}
    what = "Which sequence length? Tokens by the length of their document; the dashed lines are candidates."
    return section(
        "Lengths of documents",
        f'<div class="pair"><div>{_figure(svg, what)}</div><div>{table(rows, columns)}</div></div>',
        table(quantiles, names, "Quantiles of the documents' lengths in tokens"),
    )


def _use(report: dict[str, Any]) -> str:
    use, examples = report["use"], report["examples"]
    rows = [
        {"what": text, "tokens": use[key], "share": use[key] / max(1, use["ordinary"])}
        for key, text in (
            ("never", "never used in this text"),
            ("rare", f"used, but fewer than {use['threshold']} times"),
            ("unreachable", "unreachable: no merges lead there"),
            ("partial_utf8", "parts of characters (no UTF-8 by themselves)"),
            ("duplicate_tokens", "another spelling of a token (case, spaces, compatibility)"),
            ("glitch_candidates", "candidates for glitch tokens: hardly ever seen in training"),
        )
    ]
    parts = [table(rows, {"what": "tokens that are", "tokens": "tokens", "share%": "share"})]
    for key, title in (
        ("glitch_candidates", "Candidates for glitch tokens, the most suspicious first"),
        ("unreachable", "Unreachable"),
        ("longest", "The longest"),
    ):
        found = "".join(f"{token(one['token'])} {one['count']:,} · " for one in examples[key])
        parts.append(f"<h3>{shown(title)}</h3><p>{found}</p>" if found else "")
    groups = "".join(
        f"<li>{' '.join(token(one['token']) + ' ' + format(one['count'], ',') for one in group)}</li>"
        for group in examples["duplicates"][:20]
    )
    parts.append(f"<h3>Spellings of the same, the least used first</h3><ul>{groups}</ul>" if groups else "")
    return section("Use of the vocabulary", *parts)


def _shape(report: dict[str, Any]) -> str:
    lengths = report["token_lengths"]
    total = max(1, sum(tokens for _, tokens, _ in lengths))
    used = max(1, sum(count for _, _, count in lengths))
    series = {
        "of the vocabulary": [tokens / total for _, tokens, _ in lengths],
        "of the text": [count / used for _, _, count in lengths],
    }
    by_length = plots.steps(
        [size for size, _, _ in lengths],
        series,
        label="lengths of tokens",
        x="bytes of the token",
        y="share of tokens",
    )
    if not report["rank_frequency"]:
        return section(
            "Shape", _figure(by_length, "How long are tokens? The last bars are of all longer ones.")
        )
    ranks = plots.line(
        {"": report["rank_frequency"]}, label="counts by rank", x="rank", y="count", log=(True, True)
    )
    left = _figure(by_length, "How long are tokens? The last bars are of all longer ones.")
    right = _figure(
        ranks, "Is the tail learnable? Counts by rank: a tail that falls off steeply is hardly trained."
    )
    return section("Shape", f'<div class="pair"><div>{left}</div><div>{right}</div></div>')


def _numbers(report: dict[str, Any]) -> str:
    columns = {
        "tokenizer": "tokenizer",
        "numbers": "numbers",
        "digits_per_token": "digits/token",
        "direction_matters%": "direction matters",
        "single%": "cut in single digits",
        "l2r3%": "threes from the left",
        "r2l3%": "threes from the right",
        "whole%": "one token",
        "other%": "otherwise",
    }
    what = (
        "Numbers of more than three digits, not a multiple of three, are cut in other places from the left than from the "
        "right; of these, how each tokenizer cuts them. Numbers that are cut irregularly are hard to calculate with."
    )
    rows = table(report.get("numbers", []), columns)
    return section("Numbers", f'<p class="soft">{what}</p>', rows) if rows else ""


def _content(report: dict[str, Any]) -> str:
    content, letters = report.get("content", {}), report.get("letters", {})
    rows: dict[str, dict[str, Any]] = {}
    for name, found in content.items():
        for one in found:
            row = rows.setdefault(one["content"], {"content": one["content"]})
            row[name] = one["characters_per_token"]
            row[f"context {name}"] = int(one["characters_per_token"] * CONTEXT)
    columns = {"content": "content"} | {name: f"characters/token {name}" for name in content}
    columns |= {f"context {name}": f"characters in {CONTEXT:,} tokens of {name}" for name in content}
    forms = [{"tokenizer": name} | one for name, found in letters.items() for one in found]
    form_columns = {
        "tokenizer": "tokenizer",
        "form": "letters are",
        "characters": "characters",
        "tokens": "tokens",
        "atomic%": "letters with a token of their own",
    }
    entropy = report.get("entropy", {})
    bits = [
        {"model": what, "bits": entropy[key]}
        for key, what in (
            ("tokens", "tokens by their frequency alone"),
            ("order_0", "bytes by their frequency alone"),
            ("order_1", "bytes, given the one before"),
            ("order_2", "bytes, given the two before"),
            ("order_3", "bytes, given the three before"),
        )
        if key in entropy
    ]
    return section(
        "What a context holds",
        table(
            list(rows.values()),
            columns,
            "Never compare contexts in tokens across tokenizers, or across content",
        ),
        table(forms, form_columns, "Whether letters can be counted"),
        table(
            bits,
            {"model": "model", "bits": "bits per byte"},
            "How much structure the tokens hold by themselves: of held-out documents, from others (bytes: of the same)",
        ),
    )


def _premiums(report: dict[str, Any]) -> str:
    found = report.get("premiums")
    if not found:
        return ""
    columns = {
        "language": "language",
        "documents": "documents",
        "tokens": "tokens",
        "premium": "token premium",
        "byte_premium": "byte premium",
        "corrected": "premium / byte premium",
        "characters_per_token": "characters/token",
        "whitespace%": "white space",
    }
    rows = sorted(found["rows"], key=lambda row: -row["premium"])
    svg = plots.bars(
        [row["language"] for row in rows],
        {"tokens": [row["premium"] for row in rows], "bytes": [row["byte_premium"] for row in rows]},
        label="premiums by language",
        x=f"times {found['reference']}, for the same content",
    )
    what = f"What does the same content cost? {found['documents']:,} documents that exist in every language shown."
    both = f'<div class="pair"><div>{_figure(svg, what)}</div><div>{table(rows, columns)}</div></div>'
    return section("Token premiums", both)


def _mixture(report: dict[str, Any]) -> str:
    found = report.get("mixture")
    if not found:
        return ""
    columns = {
        "source": "source",
        "inferred%": "by the merges",
        "actual%": "of the corpus",
        "difference%": "difference",
    }
    verdict = "does" if found["reflects"] else "does not"
    what = (
        f"The order of the first {found['merges']:,} merges betrays what was counted. This vocabulary {verdict} reflect the "
        f"mixture of the corpus: log10 of the mean squared error is {found['log10_mse']:.2f}, the limit {found['limit']:g}."
    )
    return section(
        "The mixture that the vocabulary was learned from",
        f"<p>{shown(what)}</p>",
        table(found["rows"], columns),
    )


def _worst(report: dict[str, Any]) -> str:
    made = [
        f"<h3>{shown(one['document'])}</h3><p class='soft'>{shown(one['source'])}, {one['tokens']:,} tokens, "
        f"{one['bytes_per_token']:.2f} bytes each</p>{spans(one['pieces'])}"
        for one in report.get("worst", [])
    ]
    what = "The beginnings of the documents with the fewest bytes per token; a broken border holds the tokens of one character."
    return section("Worst-tokenized documents", f'<p class="soft">{what}</p>', *made) if made else ""


def _merges(report: dict[str, Any]) -> str:
    columns = {
        "rank": "rank",
        "left": "left",
        "right": "right",
        "token": "token",
        "steps": "times merged",
        "count": "times left as a token",
    }
    return (
        section("Merges, from the first to the last", table(report["merges"], columns))
        if report["merges"]
        else ""
    )


def _provenance(about: dict[str, Any]) -> str:
    text = json.dumps(about, indent=1, ensure_ascii=True, sort_keys=True)
    return section(
        "Where this comes from",
        f"<details><summary>Everything</summary><pre>{shown_lines(text)}</pre></details>",
    )


def shown_lines(text: str) -> str:
    """Text of several lines, escaped line by line."""
    return "\n".join(shown(one) for one in text.split("\n"))
