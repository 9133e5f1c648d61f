"""The encoder's kernel, bound to byte-level BPE."""

from typing import Any

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.jit import kernel
from pairloom.operators.models.bpe.kernels.word import encode_word

__all__ = ["encode_block"]

_encode_block = block_by(encode_word)


@kernel
def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`; `tables` is `PairTable.addresses`."""
    return _encode_block(data, size, at, total, tables, joins, state)
