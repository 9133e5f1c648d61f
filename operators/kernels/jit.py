"""The one way in which Pairloom compiles a kernel, and the few machine instructions that kernels share.

A kernel is a function over numbers and contiguous arrays. `kernel` compiles it once, on its first call, for the
processor at hand and keeps the result on disk (see `cache.py` for where), so that the next process loads it in
milliseconds; it releases the GIL.

Arrays that are passed into a helper inside a hot loop cost an atomic reference count at each call. Kernels that cannot
afford it take the address of the data once (`address`) and use the loads and stores below; whoever does so owns the
bounds check.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import intrinsic

from pairloom.operators.errors import RecipeError
from pairloom.operators.kernels.cache import KernelCache

__all__ = [
    "address",
    "byte_swap",
    "copy_16",
    "copy_bytes",
    "fold_multiply",
    "inner",
    "kernel",
    "load_u8",
    "load_u16",
    "load_u32",
    "load_u64",
    "minimum_16",
    "opaque",
    "prefetch",
    "signed",
    "store_u8",
    "store_u16",
    "store_u32",
    "store_u64",
    "trailing_zeros",
]

if config.DISABLE_JIT:
    raise RecipeError(
        "NUMBA_DISABLE_JIT is set, and kernels use machine instructions that exist only when they are compiled: unset it (and "
        "`disable_jit` in .numba_config.yaml); to step through a kernel, use its twin in pairloom.operators.reference"
    )

F = TypeVar("F", bound=Callable[..., Any])

signed = cast("Callable[[Any], int]", np.int64)
"""An integer of any type as int64, which is what kernels compute with; type checkers see an `int`."""


def kernel(function: F) -> F:
    """Compile `function` with numba on first use, cached on disk, without the GIL."""
    dispatcher = numba.njit(nogil=True)(function)
    dispatcher._cache = KernelCache(function)
    return dispatcher


def inner(function: F) -> F:
    """Compile `function` for other kernels to call, without the wrappers that Python needs or a place on disk.

    It is compiled, and as a rule inlined, with each kernel that calls it. Python cannot call it.
    """
    options = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(pipeline_class=_Linked, **options)(function)


class _Linked(Compiler):  # type: ignore[misc]
    """How a function is compiled that only other kernels call."""

    def compile_extra(self, func: Any) -> Any:
        """Compile it into a library of its own kind."""
        self.state.library = _LinkedLibrary(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


class _LinkedLibrary(JITCodeLibrary):  # type: ignore[misc]
    """What is linked into kernels and never run by itself: it is optimized and becomes machine code with each of them.

    Numba does both for every function, which for one that is called through five others is six times.
    """

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.enable_object_caching()

    def _optimize_final_module(self) -> None:
        """Nothing yet."""

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is none."""
        return 0

    @property
    def codegen(self) -> Any:
        """Who is asked to `set_env`."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """There is no machine code that would have one."""


@intrinsic
def address(typingctx: Any, array: Any) -> Any:
    """The address of a contiguous array's first element, as int64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.ptrtoint(value.data, ir.IntType(64))

    return types.int64(array), codegen


def _load(bits: int, result: Any) -> Any:
    @intrinsic
    def load(typingctx: Any, pointer: Any) -> Any:
        """The unsigned integer at an address, of any alignment."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = builder.load(builder.inttoptr(args[0], ir.IntType(bits).as_pointer()))
            value.align = 1
            return value

        return result(types.int64), codegen

    return load


def _store(bits: int, operand: Any) -> Any:
    @intrinsic
    def store(typingctx: Any, pointer: Any, value: Any) -> Any:
        """Write an unsigned integer to an address, of any alignment."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            written = builder.store(args[1], builder.inttoptr(args[0], ir.IntType(bits).as_pointer()))
            written.align = 1
            return context.get_dummy_value()

        return types.void(types.int64, operand), codegen

    return store


load_u8 = _load(8, types.uint8)
load_u16 = _load(16, types.uint16)
load_u32 = _load(32, types.uint32)
load_u64 = _load(64, types.uint64)
store_u8 = _store(8, types.uint8)
store_u16 = _store(16, types.uint16)
store_u32 = _store(32, types.uint32)
store_u64 = _store(64, types.uint64)


@intrinsic
def prefetch(typingctx: Any, pointer: Any) -> Any:
    """Ask the processor to bring the cache line at an address near; never faults."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        flag = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        )
        builder.call(function, [builder.inttoptr(args[0], byte), flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def trailing_zeros(typingctx: Any, value: Any) -> Any:
    """The number of zero bits below the lowest set bit of a uint64; 64 for zero."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(0))

    return types.int64(types.uint64), codegen


@intrinsic
def byte_swap(typingctx: Any, value: Any) -> Any:
    """A uint64 with its bytes in reverse order: eight bytes of text loaded so that integers compare as text does."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bswap(args[0])

    return types.uint64(types.uint64), codegen


@intrinsic
def fold_multiply(typingctx: Any, left: Any, right: Any) -> Any:
    """The low and high half of the 128-bit product of two uint64, combined by exclusive or."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))
        return builder.xor(high, builder.trunc(product, ir.IntType(64)))

    return types.uint64(types.uint64, types.uint64), codegen


@intrinsic
def copy_16(typingctx: Any, source: Any, target: Any) -> Any:
    """Copy the 16 bytes at one address to another, of any alignment."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.VectorType(ir.IntType(64), 2).as_pointer()
        value = builder.load(builder.inttoptr(args[0], wide))
        value.align = 1
        builder.store(value, builder.inttoptr(args[1], wide)).align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def copy_bytes(typingctx: Any, source: Any, target: Any, size: Any) -> Any:
    """Copy `size` bytes at one address to another; the two must not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        origin, place = (builder.inttoptr(pointer, byte) for pointer in args[:2])
        cgutils.raw_memcpy(builder, place, origin, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def opaque(typingctx: Any, value: Any) -> Any:
    """The same int64, of which the compiler may conclude nothing: it keeps a selection from becoming a branch."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        return builder.asm(ir.FunctionType(word, [word]), "", "=r,0", [args[0]], side_effect=False)

    return types.int64(types.int64), codegen


@intrinsic
def minimum_16(typingctx: Any, pointer: Any) -> Any:
    """The smallest of the sixteen uint32 at an address, of any alignment."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.VectorType(ir.IntType(32), 16)
        value = builder.load(builder.inttoptr(args[0], wide.as_pointer()))
        value.align = 4
        reduce = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), [wide]), "llvm.vector.reduce.umin.v16i32"
        )
        return builder.call(reduce, [value])

    return types.uint32(types.int64), codegen
