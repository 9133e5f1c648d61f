"""Loads and stores of floating-point numbers, as those of integers in `jit.py`."""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = ["load_f32", "load_f64", "store_f32", "store_f64"]


@intrinsic
def load_f64(typingctx: Any, pointer: Any) -> Any:
    """The float64 at an address, of any alignment."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(builder.inttoptr(args[0], ir.DoubleType().as_pointer()))
        value.align = 1
        return value

    return types.float64(types.int64), codegen


@intrinsic
def store_f64(typingctx: Any, pointer: Any, value: Any) -> Any:
    """Write a float64 to an address, of any alignment."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        written = builder.store(args[1], builder.inttoptr(args[0], ir.DoubleType().as_pointer()))
        written.align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.float64), codegen


@intrinsic
def load_f32(typingctx: Any, pointer: Any) -> Any:
    """The float32 at an address, of any alignment."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(builder.inttoptr(args[0], ir.FloatType().as_pointer()))
        value.align = 1
        return value

    return types.float32(types.int64), codegen


@intrinsic
def store_f32(typingctx: Any, pointer: Any, value: Any) -> Any:
    """Write a float32 to an address, of any alignment."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        written = builder.store(args[1], builder.inttoptr(args[0], ir.FloatType().as_pointer()))
        written.align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.float32), codegen
