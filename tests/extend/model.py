"""A tokenizer family as a stranger would write it: every byte is a token, whatever its word."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairloom.operators.encode import WordKernel, WordTables
from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u32, store_u32
from pairloom.operators.models import Model, Read


@inner
def encode_word(word, length, tables, scratch):
    for i in range(length):
        store_u32(scratch + 4 * i, load_u32(tables[0] + 4 * np.int64(load_u8(word + i))))
    return length, np.int64(0)


_encode_block = block_by(encode_word)


@kernel
def encode_block(data, size, at, total, tables, joins, state):
    return _encode_block(data, size, at, total, tables, joins, state)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByteTables(WordTables):
    ids: np.ndarray

    def kernel(self, *, cut=True):
        tables = (self.ids.ctypes.data,)
        return WordKernel(block=encode_block, tables=tables, held=self, scratch_bytes=lambda n: 4 * n + 64)


class Bytes(Model):
    name, types, identity = "bytes", ("Bytes",), b""

    @classmethod
    def read(cls, file):
        special = tuple(item["content"] for item in file.document["added_tokens"])
        tokens = [*(one.encode() for one in special), *(bytes([byte]) for byte in range(256))]
        return Read({"tokens": tokens, "special_tokens": special, "model": cls()})

    def write(self, entries, golden):
        added: list[Any] = [{"id": i, "content": one} for i, one in enumerate(entries.special_tokens)]
        return json.dumps({"added_tokens": added, "model": {"type": "Bytes"}}).encode()

    def compiled(self, entries):
        first = len(entries.special_tokens)
        return ByteTables(entries=entries, ids=np.arange(first, first + 256, dtype=np.uint32))
