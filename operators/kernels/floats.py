"""Loads and stores of floating-point numbers, as those of integers in `jit.py`."""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = ["load_f32", "load_f64", "store_f32", "store_f64"]


def _access(kind: Any, number: Any) -> tuple[Any, Any]:
    """What loads and what stores a number, of LLVM's type `kind` and of numba's type `number`."""

    @intrinsic
    def load(typingctx: Any, pointer: Any) -> Any:
        """The number at an address, of any alignment."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = builder.load(builder.inttoptr(args[0], kind.as_pointer()))
            value.align = 1
            return value

        return number(types.int64), codegen

    @intrinsic
    def store(typingctx: Any, pointer: Any, value: Any) -> Any:
        """Write a number to an address, of any alignment."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            written = builder.store(args[1], builder.inttoptr(args[0], kind.as_pointer()))
            written.align = 1
            return context.get_dummy_value()

        return types.void(types.int64, number), codegen

    return load, store


load_f32, store_f32 = _access(ir.FloatType(), types.float32)
load_f64, store_f64 = _access(ir.DoubleType(), types.float64)
