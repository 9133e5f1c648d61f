"""Span corruption of one row, over Python lists: the twin of its kernels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pairloom.operators.reference.layouts.draws import below, draw, share

__all__ = ["TWINS", "Way", "corrupt_spans", "noise_and_spans", "splice_spans"]

CHOICE = 0x452821E638D01377
TEXT_CUTS, NOISE_CUTS = 0xBE5466CF34E90C6C, 0xC0AC29B7C97C50DD


@dataclass(frozen=True, slots=True)
class Way:
    """One way to corrupt a row: `edge`, in 2^53rds, that of its draws; `token` stands before inputs, -1 for none."""

    edge: int
    rate: float
    mean_span: float
    token: int = -1


def noise_and_spans(length: int, rate: float, mean_span: float) -> tuple[int, int]:
    """How many of so many tokens are noise, and in how many spans."""
    noise = min(max(round(length * rate), 1), length - 1)
    if noise <= 0:
        return 0, 0
    return noise, max(round(min(noise, length - noise) / mean_span), 1)


def corrupt_spans(
    row: Sequence[int], stream: int, ways: Sequence[Way], sentinels: Sequence[int], end: int
) -> tuple[list[int], list[int]]:
    """Inputs and targets of the used tokens of a row; raises IndexError for more spans than there are sentinels."""
    chosen = share(draw(stream, CHOICE, 0))
    way = next((way for way in ways[:-1] if chosen < way.edge), ways[-1])
    if way.mean_span > 0:
        noise, spans = noise_and_spans(len(row), way.rate, way.mean_span)
    else:
        most = max(1, min(len(row) - 1, round(2 * way.rate * len(row)) - 1))
        noise = min(1 + below(draw(stream, CHOICE, 1), most), len(row) - 1)
        spans = int(noise > 0)
    inputs, targets = [way.token] if way.token >= 0 else [], []
    text = _parts(len(row) - noise, spans, stream, TEXT_CUTS) if spans else [len(row)]
    noisy = _parts(noise, spans, stream, NOISE_CUTS) if spans else []
    at = 0
    for k, length in enumerate(text):
        inputs += row[at : at + length]
        at += length
        if k < spans:
            inputs.append(sentinels[k])
            targets += [sentinels[k], *row[at : at + noisy[k]]]
            at += noisy[k]
    return inputs + [end] * (end >= 0), targets + [end] * (end >= 0)


def splice_spans(
    inputs: Sequence[int],
    targets: Sequence[int],
    used: int,
    before: Sequence[int],
    sentinels: Sequence[int],
) -> list[int]:
    """The row that inputs and targets were made of; raises ValueError where they do not fit together."""
    rest = list(inputs[1:] if inputs and inputs[0] in before else inputs)
    spans: list[list[int]] = []
    for token in targets:
        if len(spans) < len(sentinels) and token == sentinels[len(spans)]:
            spans.append([])
        elif spans and token >= 0:
            spans[-1].append(token)
    out: list[int] = []
    k = 0
    for token in rest:
        if len(out) >= used:
            break
        if k < len(sentinels) and token == sentinels[k]:
            if k >= len(spans):
                raise ValueError("a sentinel without its span")
            out += spans[k]
            k += 1
        else:
            out.append(token)
    if len(out) < used:
        raise ValueError("too few tokens")
    return out[:used]


def _parts(items: int, parts: int, stream: int, purpose: int) -> list[int]:
    """Lengths of parts of at least one item each: which places between items are cuts."""
    cuts, left = [0], parts - 1
    for i in range(1, items):
        if below(draw(stream, purpose, i), items - i) < left:
            cuts.append(i)
            left -= 1
    return [after - at for at, after in zip(cuts, [*cuts[1:], items], strict=True)]


TWINS: Mapping[str, Callable[..., object]] = {
    "layouts.kernels.span_corruption:corrupt_spans": corrupt_spans,
    "layouts.kernels.span_corruption:splice_spans": splice_spans,
}
