"""Amounts as people read them."""

from pairloom.operators.shown import size_text

__all__ = ["many", "size_text", "time_text"]


def time_text(seconds: float) -> str:
    """A duration for people: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def many(count: int, noun: str) -> str:
    """So many of something.

    >>> many(1, "unit"), many(2_000, "unit")
    ('1 unit', '2,000 units')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
