"""What only AVX-512 has: whoever calls it asks first, as the kernel is compiled, whether the processor takes it.

Masks and windows are those of `simd.py`, which any processor runs.
"""

from typing import Any

from llvmlite import ir
from llvmlite.binding import llvm_version_info
from numba.core import cgutils, types
from numba.extending import intrinsic

from pairloom.operators.kernels import simd

__all__ = [
    "PAIR_FACTORS",
    "first_bytes",
    "gathers_bits",
    "looks_up_bytes",
    "masked_loads",
    "pairs_chosen",
    "pairs_set_16",
    "pairs_set_32",
    "presses_lanes",
    "store_kept_16",
    "store_kept_32",
]

_I1, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
_vector = ir.VectorType
PAIR_FACTORS = (0x9E3779B1, 0x85EBCA77)
"""What the two numbers of a pair are multiplied by for `pairs_set_16` and `pairs_set_32`."""


def _has(*features: str) -> Any:
    """An intrinsic: whether the processor has all of these, known as a kernel is compiled."""

    @intrinsic
    def has(typingctx: Any) -> Any:
        """Whether the processor has what a function below takes."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            found = context.codegen().magic_tuple()[2].split(",")
            return _I1(llvm_version_info[0] >= 20 and all(f"+{name}" in found for name in features))

        return types.boolean(), codegen

    return has


masked_loads = _has("avx512bw")
"""Whether `first_bytes` may be called: the processor loads the first bytes at an address and does not touch the others."""
looks_up_bytes = _has("avx512bw", "avx512vbmi")
"""Whether `pairs_chosen` may be called."""
gathers_bits = _has("avx512f", "avx512bw", "avx512vl", "avx512dq")
"""Whether `pairs_set_16` and `pairs_set_32` may be called."""
presses_lanes = _has("avx512bw", "avx512vl", "avx512vbmi2")
"""Whether `store_kept_16` and `store_kept_32` may be called."""


@intrinsic
def first_bytes(typingctx: Any, pointer: Any, length: Any) -> Any:
    """The first 1 to 16 bytes at an address as two uint64, little-endian, padded with zeros."""
    result = types.containers.UniTuple(types.uint64, 2)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        window, bits = _vector(_I8, 16), ir.IntType(16)
        # Of 64 bits, which is one instruction (bzhi); a shift of 16 bits would wait for what its register held before.
        chosen = builder.trunc(builder.lshr(_I64(-1), builder.sub(_I64(64), args[1])), bits)
        place = builder.inttoptr(args[0], window.as_pointer())
        some = builder.bitcast(chosen, _vector(_I1, 16))
        shape = ir.FunctionType(window, [place.type, _I32, some.type, window])
        load = cgutils.get_or_insert_function(builder.module, shape, "llvm.masked.load.v16i8.p0")
        loaded = builder.call(load, [place, _I32(1), some, ir.Constant(window, None)])
        pair = builder.bitcast(loaded, _vector(_I64, 2))
        halves = [builder.extract_element(pair, _I32(i)) for i in range(2)]
        return context.make_tuple(builder, signature.return_type, halves)

    return result(types.int64, types.int64), codegen


@intrinsic
def pairs_chosen(typingctx: Any, pointer: Any, left: Any, right: Any) -> Any:
    """A mask of those of the 64 bytes at an address that share a bit with the byte that follows.

    The bits are those of the byte in the table of 256 at `left`, of the one that follows in that at `right`. Reads 65 bytes.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        window = _vector(_I8, 64)
        shape = ir.FunctionType(window, [window, window, window])
        choose = cgutils.get_or_insert_function(builder.module, shape, "llvm.x86.avx512.vpermi2var.qi.512")

        def load(place: Any) -> Any:
            value = builder.load(builder.inttoptr(place, window.as_pointer()))
            value.align = 1
            return value

        def bits_of(table: Any, places: Any) -> Any:
            parts = [load(builder.add(table, _I64(64 * part))) for part in range(4)]
            low, high = (builder.call(choose, [parts[i], places, parts[i + 1]]) for i in (0, 2))
            beyond = builder.icmp_signed("<", places, ir.Constant(window, None))
            return builder.select(beyond, high, low)

        here = bits_of(args[1], load(args[0]))
        following = bits_of(args[2], load(builder.add(args[0], _I64(1))))
        shared = builder.and_(here, following)
        return builder.bitcast(builder.icmp_unsigned("!=", shared, ir.Constant(window, None)), _I64)

    return types.uint64(types.int64, types.int64, types.int64), codegen


def _lanes_loaded(builder: Any, place: Any, some: Any, bits: int, lanes: int) -> Any:
    """Those of the integers at an address whose bits are set in a mask; the others are not touched, and 0."""
    kind = _vector(ir.IntType(bits), lanes)
    pointer = builder.inttoptr(place, kind.as_pointer())
    shape = ir.FunctionType(kind, [pointer.type, _I32, some.type, kind])
    load = cgutils.get_or_insert_function(builder.module, shape, f"llvm.masked.load.v{lanes}i{bits}.p0")
    return builder.call(load, [pointer, _I32(1), some, ir.Constant(kind, None)])


def _lanes(builder: Any, mask: Any, lanes: int) -> Any:
    """The lowest bits of a mask as what chooses lanes of a vector."""
    narrow = mask if lanes == 64 else builder.trunc(mask, ir.IntType(lanes))
    return builder.bitcast(narrow, _vector(_I1, lanes))


def _pairs_set(bits: int) -> Any:
    @intrinsic
    def pairs_set(typingctx: Any, pointer: Any, some: Any, table: Any, shift: Any) -> Any:
        """Of the sixteen integers at an address whose bits are set in `some`, which have a bit set in a table with the next one.

        The bit is the product sum of the two by `PAIR_FACTORS`, of 32 bits, shifted right by `shift`. No others than they and
        the ones after them are read.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            wide = _vector(_I32, 16)
            some = _lanes(builder, args[1], 16)
            sides = []
            for factor, place in zip(
                PAIR_FACTORS, (args[0], builder.add(args[0], _I64(bits // 8))), strict=True
            ):
                loaded = _lanes_loaded(builder, place, some, bits, 16)
                loaded = loaded if bits == 32 else builder.zext(loaded, wide)
                sides.append(builder.mul(loaded, ir.Constant(wide, [_I32(factor)] * 16)))
            shift = simd.splat(builder, builder.trunc(args[3], _I32), 16)
            place = builder.lshr(builder.add(*sides), shift)
            byte = builder.inttoptr(args[2], _I8.as_pointer())
            shape = ir.FunctionType(wide, [wide, byte.type, wide, some.type, _I32])
            gather = cgutils.get_or_insert_function(
                builder.module, shape, "llvm.x86.avx512.mask.gather.dpi.512"
            )
            word = builder.lshr(place, ir.Constant(wide, [_I32(5)] * 16))
            found = builder.call(gather, [ir.Constant(wide, None), byte, word, some, _I32(4)])
            low = builder.and_(place, ir.Constant(wide, [_I32(31)] * 16))
            bit = builder.and_(builder.lshr(found, low), ir.Constant(wide, [_I32(1)] * 16))
            chosen = builder.icmp_unsigned("!=", bit, ir.Constant(wide, None))
            return builder.zext(builder.bitcast(chosen, ir.IntType(16)), _I64)

        return types.uint64(types.int64, types.uint64, types.int64, types.int64), codegen

    return pairs_set


pairs_set_16 = _pairs_set(16)
pairs_set_32 = _pairs_set(32)


def _store_kept(bits: int, lanes: int) -> Any:
    @intrinsic
    def store_kept(typingctx: Any, source: Any, kept: Any, target: Any) -> Any:
        """Store those of the integers at `source` whose bits are set in `kept` one after another from `target` on.

        These are 512 bits at most; no others are read, and no more are written.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            some = _lanes(builder, args[1], lanes)
            loaded = _lanes_loaded(builder, args[0], some, bits, lanes)
            kind, name = loaded.type, f"v{lanes}i{bits}"
            shape = ir.FunctionType(kind, [kind, some.type, kind])
            press = cgutils.get_or_insert_function(
                builder.module, shape, f"llvm.experimental.vector.compress.{name}"
            )
            pressed = builder.call(press, [loaded, some, ir.Constant(kind, ir.Undefined)])
            count = builder.ctpop(args[1])
            # Of fewer than 64 bits always, since there are 32 lanes at most.
            first = _lanes(builder, builder.sub(builder.shl(_I64(1), count), _I64(1)), lanes)
            place = builder.inttoptr(args[2], kind.as_pointer())
            shape = ir.FunctionType(ir.VoidType(), [kind, place.type, _I32, first.type])
            store = cgutils.get_or_insert_function(builder.module, shape, f"llvm.masked.store.{name}.p0")
            builder.call(store, [pressed, place, _I32(1), first])
            return context.get_dummy_value()

        return types.void(types.int64, types.uint64, types.int64), codegen

    return store_kept


store_kept_16 = _store_kept(16, 32)
store_kept_32 = _store_kept(32, 16)
