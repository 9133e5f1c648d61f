"""Sixty-four bytes at a time: vector instructions for kernels, written as LLVM vectors so that any processor has them.

A mask is a uint64 whose bit `i` speaks of byte `i` of a window of 64 bytes. `bytes_between` compares a whole window in one
instruction on AVX-512, two on AVX2, four on NEON. Whoever loads a window owns the bounds check: it reads exactly 64 bytes.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = ["bytes_between", "leading_zeros", "population"]


@intrinsic
def bytes_between(typingctx: Any, pointer: Any, low: Any, count: Any) -> Any:
    """A mask of those of the 64 bytes at an address that lie in [low, low + count)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte, window = ir.IntType(8), ir.VectorType(ir.IntType(8), 64)
        loaded = builder.load(builder.inttoptr(args[0], window.as_pointer()))
        loaded.align = 1

        def everywhere(value: Any) -> Any:
            one = builder.insert_element(
                ir.Constant(window, ir.Undefined), builder.trunc(value, byte), ir.IntType(32)(0)
            )
            return builder.shuffle_vector(
                one,
                ir.Constant(window, ir.Undefined),
                ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64),
            )

        inside = builder.icmp_unsigned("<", builder.sub(loaded, everywhere(args[1])), everywhere(args[2]))
        return builder.bitcast(inside, ir.IntType(64))

    return types.uint64(types.int64, types.int64, types.int64), codegen


@intrinsic
def leading_zeros(typingctx: Any, value: Any) -> Any:
    """The number of zero bits above the highest set bit of a uint64; 64 for zero."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], ir.IntType(1)(0))

    return types.int64(types.uint64), codegen


@intrinsic
def population(typingctx: Any, value: Any) -> Any:
    """The number of set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen
