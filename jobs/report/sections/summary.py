"""What stands out: the sentences that a team would write below the page's link."""

from collections.abc import Iterator
from typing import Any

from pairloom.jobs.report.html import shown, tiles
from pairloom.jobs.report.sections.mixture import apart
from pairloom.jobs.report.tables import change, number, share
from pairloom.jobs.show.amounts import size_text

__all__ = ["head", "title_of"]

WORSE = 0.01  # a group that takes this share of tokens more than with another tokenizer is named
NAMED = 4


def head(report: dict[str, Any]) -> str:
    """The title, what was measured, notes, figures, findings."""
    facts, about = report["summary"], report["provenance"]
    figures = {
        "tokens in the vocabulary": number(facts["vocabulary"]),
        "bytes per token": number(facts["bytes_per_token"]),
        "characters per token": number(facts["characters_per_token"]),
        **_by_words(facts),
        f"Rényi efficiency, order {facts['alpha']:g}": number(facts["renyi_efficiency"]),
        "tokens never used": share(report["use"]["never"] / max(1, report["use"]["ordinary"])),
        "measured": size_text(facts["bytes"]),
    }
    said = (
        f"{about['name']}: vocabulary {about['fingerprint'][:16]}, cut by {about['pretokenizer']}, measured on "
        f"{report['basis']}."
    )
    notes = "".join(f'<p class="bad">{shown(note)}</p>' for note in report["notes"])
    made = "".join(f'<li class="{kind}">{shown(text)}</li>' for kind, text in _findings(report))
    found = f'<ul class="findings" aria-label="what stands out">{made}</ul>' if made else ""
    return (
        f'<header><h1>{shown(title_of(report))}</h1><p class="soft">{shown(said)}</p></header>{notes}'
        f"{tiles(figures)}{found}"
    )


def _by_words(facts: dict[str, Any]) -> dict[str, str]:
    """Figures of words, of a tokenizer that has such."""
    if "fertility" not in facts:
        return {}
    return {
        "tokens per word of letters": number(facts["fertility"]),
        "words that are one token": share(facts["single_token_words"]),
    }


def title_of(report: dict[str, Any]) -> str:
    """What the report is on: how large a vocabulary, of which sources or of which file.

    >>> about = {"name": "file:///data/out", "recipe": {"corpus": [{"name": "web"}, {"name": "code"}]}}
    >>> title_of({"provenance": about, "summary": {"vocabulary": 32000}})
    'out: 32,000 tokens for web and code'
    >>> title_of({"provenance": {"name": "gpt2/tokenizer.json"}, "summary": {"vocabulary": 50257}})
    'gpt2/tokenizer.json: 50,257 tokens'
    """
    about = report["provenance"]
    parts = str(about["name"]).rstrip("/").split("/")
    name = "/".join(parts[-2:] if "recipe" not in about else parts[-1:]) or str(about["name"])
    said = f"{name}: {report['summary']['vocabulary']:,} tokens"
    sources = [source["name"] for source in (about.get("recipe") or {}).get("corpus", [])]
    if len(sources) > NAMED:
        sources = [*sources[: NAMED - 1], f"{len(sources) - NAMED + 1} other sources"]
    if not sources:
        return said
    first = ", ".join(sources[:-1])
    return f"{said} for {first} and {sources[-1]}" if first else f"{said} for {sources[-1]}"


def _findings(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(good, bad or plain, sentence)."""
    yield from _beside_others(report)
    yield from _premiums(report)
    yield from _last_doubling(report)
    if found := report.get("mixture"):
        kind, does = ("good", "reflects") if found["reflects"] else ("bad", "does not reflect")
        said = f"The vocabulary {does} the mixture that it was to be learned from: the shares {apart(found)}."
        yield kind, said
    yield from _lengths(report)
    yield from _use(report)
    if rejected := sum(row.get("rejected", 0) for row in report["sources"]):
        many = "1 document" if rejected == 1 else f"{rejected:,} documents"
        yield "bad", f"{many} could not be used; `pairloom rejected` lists what and why."


def _beside_others(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    groups = report["groups"]
    for name in [name for name in groups[0]["tokenizers"] if name != "this"] if groups else ():
        own, other = (
            sum(g["tokenizers"][key]["tokens"] for g in groups)
            / max(1, sum(g["tokenizers"][key]["bytes"] for g in groups))
            for key in ("this", name)
        )
        if not own or not other:
            continue
        worse = {
            g["group"]: g["tokenizers"][name]["bytes_per_token"] / g["tokenizers"]["this"]["bytes_per_token"]
            - 1
            for g in groups
            if g["tokenizers"]["this"]["bytes_per_token"]
        }
        most = sorted((key for key in worse if worse[key] > WORSE), key=lambda key: -worse[key])
        where = ", ".join(f"{key} ({change(worse[key])})" for key in most[:NAMED])
        more = f" and {len(most) - NAMED} others" if len(most) > NAMED else ""
        less = f"{share(abs(1 - own / other))} {'fewer' if own <= other else 'more'} tokens than {name}"
        yield (
            "good" if own <= other else "bad",
            f"It takes {less}" + (f", but more in {where}{more}." if where and own <= other else "."),
        )


def _premiums(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if found := report.get("premiums"):
        dearest = max(found["rows"], key=lambda row: row["premium"])
        cheapest = min(found["rows"], key=lambda row: row["premium"])
        times = dearest["premium"] / max(1e-12, cheapest["premium"])
        yield (
            "plain",
            f"The same content takes {times:.2f} times as many tokens in {dearest['language']} as in {cheapest['language']}.",
        )


def _last_doubling(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    curve = report["curve"]
    if len(curve) > 2:
        last = curve[-1]
        half = min(curve[:-1], key=lambda point: abs(point["size"] - last["size"] / 2))
        saved = 1 - last["tokens"] / max(1, half["tokens"])
        yield (
            "plain",
            f"From {half['size']:,} to {last['size']:,} tokens in the vocabulary, the text shrinks by {share(saved)}.",
        )


def _lengths(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if documents := report.get("documents"):
        rows = documents[0]["at_lengths"]
        wanted = ((report["provenance"].get("recipe") or {}).get("pack") or {}).get("seq_len")
        row = next((row for row in rows if row["seq_len"] == wanted), rows[len(rows) // 2])
        said = (
            f"In rows of {row['seq_len']:,} tokens, {share(row['whole'])} of the documents fit whole; cutting the others off "
            f"would lose {share(row['truncated'])} of the tokens."
        )
        yield "plain", said


def _use(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    use = report["use"]
    if not report["summary"]["tokens"]:
        return
    lost = f"{use['unreachable']:,} tokens are unreachable, {use['never']:,}" if "unreachable" in use else ""
    said = (
        f"{lost or format(use['never'], ',') + ' tokens'} never occur, {use['glitch_candidates']:,} occur so rarely that a model "
        "may not learn them."
    )
    yield "bad" if use.get("unreachable") else "good", said
