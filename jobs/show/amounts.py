"""Amounts as people read them."""

__all__ = ["many", "size_text", "time_text"]


def size_text(count: float) -> str:
    """A number of bytes for people: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


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
