"""The encoder's kernel of vocabularies whose later merges join words.

It is apart from `block.py` since few vocabularies have such merges, and it takes long to compile.
"""

from typing import Any

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.jit import kernel
from pairloom.operators.models.bpe.kernels.runs import join_tokens
from pairloom.operators.models.bpe.kernels.word import encode_word

__all__ = ["encode_joined"]

_encode_block = block_by(encode_word, join_tokens)


@kernel
def encode_joined(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`; `tables` is `PairTable.addresses` and `joins` is `JoinTable.addresses`."""
    return _encode_block(data, size, at, total, tables, joins, state)
