"""The lengths of rows by which documents are cut into powers of two."""

__all__ = ["widths"]


def widths(seq_len: int, least: int) -> tuple[int, ...]:
    """The lengths of rows, ascending; raises ValueError unless both are powers of two and `least` is not the larger.

    >>> widths(512, 128)
    (128, 256, 512)
    """
    if seq_len < 1 or least < 1 or seq_len & (seq_len - 1) or least & (least - 1) or least > seq_len:
        raise ValueError(
            f"buckets from {least} to {seq_len} tokens: both must be powers of two, in this order"
        )
    return tuple(1 << bit for bit in range(least.bit_length() - 1, seq_len.bit_length()))
