"""Sixty-four bytes at a time: vector instructions for kernels, as LLVM vectors that any processor can run.

A mask is a uint64 whose bit `i` speaks of byte `i` of a window of 64 bytes. `bytes_between` compares a whole
window in one instruction on AVX-512, two on AVX2, four on NEON. Whoever loads a window owns the bounds check:
it reads exactly 64 bytes.
"""

from typing import Any

from llvmlite import ir
from llvmlite.binding import llvm_version_info
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = [
    "PAIR_FACTORS",
    "bits_chosen",
    "bytes_between",
    "first_bytes",
    "gathers_bits",
    "halves_equal",
    "leading_zeros",
    "looks_up_bytes",
    "masked_loads",
    "pairs_chosen",
    "pairs_set_16",
    "pairs_set_32",
    "population",
    "presses_lanes",
    "store_chosen",
    "store_kept_16",
    "store_kept_32",
    "store_positions",
]

_I1, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
PAIR_FACTORS = (0x9E3779B1, 0x85EBCA77)
"""What the two numbers of a pair are multiplied by for `pairs_set_16` and `pairs_set_32`."""


def _vector(element: Any, length: int) -> Any:
    return ir.VectorType(element, length)


def _splat(builder: Any, value: Any, length: int) -> Any:
    """A vector that holds `value` everywhere."""
    kind = _vector(value.type, length)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _I32(0))
    first_lane = ir.Constant(_vector(_I32, length), [0] * length)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), first_lane)


@intrinsic
def bytes_between(typingctx: Any, pointer: Any, low: Any, count: Any) -> Any:
    """A mask of those of the 64 bytes at an address that lie in [low, low + count)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(builder.inttoptr(args[0], _vector(_I8, 64).as_pointer()))
        loaded.align = 1
        low, count = (_splat(builder, builder.trunc(value, _I8), 64) for value in args[1:])
        inside = builder.icmp_unsigned("<", builder.sub(loaded, low), count)
        return builder.bitcast(inside, _I64)

    return types.uint64(types.int64, types.int64, types.int64), codegen


@intrinsic
def bits_chosen(typingctx: Any, pointer: Any, table: Any) -> Any:
    """A mask of those of the 64 bytes at an address whose low six bits name a set bit of `table`, a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        window = _vector(_I8, 64)
        loaded = builder.load(builder.inttoptr(args[0], window.as_pointer()))
        loaded.align = 1
        if "+avx512bitalg" in context.codegen().magic_tuple()[2]:
            shape = ir.FunctionType(_vector(_I1, 64), [window, window])
            choose = cgutils.get_or_insert_function(builder.module, shape, "llvm.x86.avx512.vpshufbitqmb.512")
            tables = builder.bitcast(_splat(builder, args[1], 8), window)
            return builder.bitcast(builder.call(choose, [tables, loaded]), _I64)
        wide = _vector(_I64, 64)
        places = builder.zext(builder.and_(loaded, _splat(builder, _I8(63), 64)), wide)
        chosen = builder.trunc(builder.lshr(_splat(builder, args[1], 64), places), _vector(_I1, 64))
        return builder.bitcast(chosen, _I64)

    return types.uint64(types.int64, types.uint64), codegen


@intrinsic
def halves_equal(typingctx: Any, bucket: Any, key: Any) -> Any:
    """Which of the eight uint64 at `bucket` are as the two at `key`: bits 0 and 1 of the first half, 4 and 5 of the second.

    The other bits are always set. Bits 60 to 63 of the key's second number are not compared.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pair, line = _vector(_I64, 2), _vector(_I64, 8)
        loaded = builder.load(builder.inttoptr(args[0], line.as_pointer()))
        wanted = builder.load(builder.inttoptr(args[1], pair.as_pointer()))
        loaded.align = wanted.align = 8
        lanes = ir.Constant(_vector(_I32, 8), [_I32(i % 2) for i in range(8)])
        repeated = builder.shuffle_vector(wanted, ir.Constant(pair, ir.Undefined), lanes)
        compared = [_I64(-1), _I64((1 << 60) - 1), _I64(0), _I64(0)] * 2
        apart = builder.and_(builder.xor(loaded, repeated), ir.Constant(line, compared))
        same = builder.icmp_unsigned("==", apart, ir.Constant(line, [0] * 8))
        return builder.zext(builder.bitcast(same, _I8), _I64)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def masked_loads(typingctx: Any) -> Any:
    """Whether the processor loads the first bytes at an address and does not touch the others (AVX-512); known as compiled.

    `first_bytes` is only for where it does.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _I1("+avx512bw" in context.codegen().magic_tuple()[2] and llvm_version_info[0] >= 20)

    return types.boolean(), codegen


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


looks_up_bytes = _has("avx512bw", "avx512vbmi")
"""Whether `pairs_chosen` may be called."""
gathers_bits = _has("avx512f", "avx512bw", "avx512vl", "avx512dq")
"""Whether `pairs_set_16` and `pairs_set_32` may be called."""
presses_lanes = _has("avx512bw", "avx512vl", "avx512vbmi2")
"""Whether `store_kept_16` and `store_kept_32` may be called."""


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
            shift = _splat(builder, builder.trunc(args[3], _I32), 16)
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


@intrinsic
def leading_zeros(typingctx: Any, value: Any) -> Any:
    """The number of zero bits above the highest set bit of a uint64; 64 for zero."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], _I1(0))

    return types.int64(types.uint64), codegen


@intrinsic
def population(typingctx: Any, value: Any) -> Any:
    """The number of set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@intrinsic
def store_chosen(typingctx: Any, mask: Any, flags: Any, pointer: Any) -> Any:
    """Store a byte for each set bit of a mask, in order: 1 where `flags` has that bit, else 0.

    There must be room for 64 bytes at `pointer`, since more may be written than there are bits.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        features = context.codegen().magic_tuple()[2]
        # Where `store_positions` takes no branch a bit, bits are extracted quickly too.
        if "+avx512vbmi2" in features and "+bmi2" in features:
            shape = ir.FunctionType(_I64, [_I64, _I64])
            extract = cgutils.get_or_insert_function(builder.module, shape, "llvm.x86.bmi.pext.64")
            bits = builder.bitcast(builder.call(extract, [args[1], args[0]]), _vector(_I1, 64))
            place = builder.inttoptr(args[2], _vector(_I8, 64).as_pointer())
            builder.store(builder.zext(bits, _vector(_I8, 64)), place).align = 1
        else:
            _flag_out(builder, args[0], args[1], args[2])
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64, types.int64), codegen


@intrinsic
def store_positions(typingctx: Any, mask: Any, base: Any, pointer: Any) -> Any:
    """Store base + i, as int64, for each set bit `i` of a mask, in order; returns how many.

    There must be room for 64 at `pointer`, since more may be written than is returned. Where the processor
    can press the chosen elements of a vector together (AVX-512 VBMI2) this takes no branch a bit: 2.7 ns a
    mask of twelve bits, for 13 of the loop that other processors get.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count = builder.ctpop(args[0])
        features = context.codegen().magic_tuple()[2]
        if "+avx512vbmi2" in features and llvm_version_info[0] >= 20:
            _press(builder, args[0], args[1], args[2], count)
        else:
            _count_out(builder, args[0], args[1], args[2])
        return count

    return types.int64(types.uint64, types.int64, types.int64), codegen


def _press(builder: Any, mask: Any, base: Any, pointer: Any, count: Any) -> None:
    window, wide = _vector(_I8, 64), _vector(_I64, 16)
    shape = ir.FunctionType(window, [window, _vector(_I1, 64), window])
    press = cgutils.get_or_insert_function(builder.module, shape, "llvm.experimental.vector.compress.v64i8")
    chosen = builder.bitcast(mask, _vector(_I1, 64))
    every = ir.Constant(window, [_I8(i) for i in range(64)])
    positions = builder.call(press, [every, chosen, ir.Constant(window, ir.Undefined)])
    bases = _splat(builder, base, 16)

    def store(part: int) -> None:
        lanes = ir.Constant(_vector(_I32, 16), [_I32(16 * part + i) for i in range(16)])
        some = builder.zext(builder.shuffle_vector(positions, positions, lanes), wide)
        place = builder.inttoptr(builder.add(pointer, _I64(128 * part)), wide.as_pointer())
        builder.store(builder.add(some, bases), place).align = 1

    store(0)
    with builder.if_then(builder.icmp_unsigned(">", count, _I64(16)), likely=False):
        store(1)
        with builder.if_then(builder.icmp_unsigned(">", count, _I64(32)), likely=False):
            store(2)
            store(3)


def _bit_by_bit(builder: Any, mask: Any, store: Any) -> None:
    """Call `store(place, bit)` for each set bit of a mask, where `place` says how many were set below it."""
    left, count = (cgutils.alloca_once_value(builder, value) for value in (mask, _I64(0)))
    test, body, done = (builder.append_basic_block(name) for name in ("bits", "bit", "no.bits"))
    builder.branch(test)
    builder.position_at_end(test)
    some = builder.load(left)
    builder.cbranch(builder.icmp_unsigned("!=", some, _I64(0)), body, done)
    builder.position_at_end(body)
    place = builder.load(count)
    store(place, builder.cttz(some, _I1(1)))
    builder.store(builder.and_(some, builder.sub(some, _I64(1))), left)
    builder.store(builder.add(place, _I64(1)), count)
    builder.branch(test)
    builder.position_at_end(done)


def _count_out(builder: Any, mask: Any, base: Any, pointer: Any) -> None:
    def store(place: Any, bit: Any) -> None:
        at = builder.add(pointer, builder.shl(place, _I64(3)))
        builder.store(builder.add(base, bit), builder.inttoptr(at, _I64.as_pointer())).align = 1

    _bit_by_bit(builder, mask, store)


def _flag_out(builder: Any, mask: Any, flags: Any, pointer: Any) -> None:
    def store(place: Any, bit: Any) -> None:
        flag = builder.trunc(builder.and_(builder.lshr(flags, bit), _I64(1)), _I8)
        builder.store(flag, builder.inttoptr(builder.add(pointer, place), _I8.as_pointer()))

    _bit_by_bit(builder, mask, store)
