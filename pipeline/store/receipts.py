"""Receipts: the proof that a unit of work is done, and which attempt at it won.

    attempt ── data files, each under its own name, read again ──▶ receipt, created only if absent
                                                                     │ was there already
                                                                     ▼
                                                      the winner's receipt; this attempt's files are orphans

A unit's id is a hash of everything that changes its bytes, so a receipt never goes stale: other inputs, another
configuration or another format have another id.

A receipt is sealed: its last field is the SHA-256 of the rest. Those of earlier versions have no seal and are read as they are;
what they name is compared with what they say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.identity import FORMAT_VERSION
from pairloom.pipeline.phases import elapsed
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.remedy import remedy
from pairloom.pipeline.store.sealed import fault, seal, unseal

__all__ = [
    "FEW",
    "Ledger",
    "Piece",
    "Receipt",
    "claim",
    "committed_receipts",
    "discard",
    "discard_all",
    "find_receipt",
    "find_receipts",
    "publish",
    "receipt_path",
]

FEW = 32  # units that are asked for one by one; for more, one listing says which are worth asking for
READS_AT_ONCE = 32


class Ledger(BaseModel):
    """What became of every document of a unit. `bytes_in` are stored bytes, `text_bytes` are UTF-8 bytes of text.

    `rejected` counts by reason the records that cannot be used, `filtered` by step the documents that a step of the recipe left
    out. `deduplicated` documents hold what an earlier one holds, in `deduplicated_tokens`; `tokens` are those of the others,
    `trained` how many of them are to be predicted, where documents say it (`loss_mask`). `sampled` are the documents
    that a step has chosen by chance and the bytes of their text (of given tokens, the tokens), `of_documents` and `of_bytes` those
    that it has chosen from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents_in: int = 0
    documents_out: int = 0
    empty: int = 0
    rejected: dict[str, int] = {}
    filtered: dict[str, int] = {}
    bytes_in: int = 0
    text_bytes: int = 0
    tokens: int = 0
    trained: int = 0
    deduplicated: int = 0
    deduplicated_tokens: int = 0
    sampled: dict[str, int] = {}

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is rare is left out where there is nothing of it, so that ledgers are what they were before there was any."""
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if name not in ("trained", "sampled") or value}

    @property
    def rejects(self) -> int:
        """Rejected documents, whatever the reason."""
        return sum(self.rejected.values())

    def check(self, where: str) -> None:
        """Raise CorruptionError unless documents in = out + empty + rejected + filtered + deduplicated."""
        left = sum(self.filtered.values())
        if self.documents_in != self.documents_out + self.empty + self.rejects + left + self.deduplicated:
            raise CorruptionError(
                f"the ledger of {where} does not balance: {self.documents_in} documents in, {self.documents_out} out, "
                f"{self.empty} empty, {self.rejects} rejected, {left} filtered, {self.deduplicated} deduplicated"
            )

    def __add__(self, other: "Ledger") -> "Ledger":
        return Ledger(
            documents_in=self.documents_in + other.documents_in,
            documents_out=self.documents_out + other.documents_out,
            empty=self.empty + other.empty,
            rejected=_sums(self.rejected, other.rejected),
            filtered=_sums(self.filtered, other.filtered),
            bytes_in=self.bytes_in + other.bytes_in,
            text_bytes=self.text_bytes + other.text_bytes,
            tokens=self.tokens + other.tokens,
            trained=self.trained + other.trained,
            deduplicated=self.deduplicated + other.deduplicated,
            deduplicated_tokens=self.deduplicated_tokens + other.deduplicated_tokens,
            sampled=_sums(self.sampled, other.sampled),
        )

    @staticmethod
    def sum(ledgers: "Iterable[Ledger]") -> "Ledger":
        """Add up ledgers."""
        amounts = dict.fromkeys(_AMOUNTS, 0)
        named: dict[str, dict[str, int]] = {name: {} for name in _NAMED}
        for ledger in ledgers:
            for name in _AMOUNTS:
                amounts[name] += getattr(ledger, name)
            for name, so_far in named.items():
                if found := getattr(ledger, name):
                    named[name] = _sums(so_far, found)
        return Ledger.model_validate(amounts | named)


_AMOUNTS = tuple(name for name, told in Ledger.model_fields.items() if told.annotation is int)
_NAMED = tuple(Ledger.model_fields.keys() - _AMOUNTS)


def _sums(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Counts by name, added up."""
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


class Piece(BaseModel):
    """What became of one slice of an input, and how many record batches hold it in the unit's file.

    `identity` is a hash of everything that decided it. `coverage` is how the vocabulary met its text, `seconds` what
    tokenizing it took the worker that did it first, with its share of finishing the unit's file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str
    ledger: Ledger
    batches: int
    coverage: Coverage | None = None
    seconds: float = 0.0


class Receipt(BaseModel):
    """What one unit's winning attempt made. `slices` are the inputs that it read, in order: (URI, records).

    `read` are the sums of the texts of each slice as they were read (`inputs.intake`), "" where that is not known: what was
    read twice must have been the same. `pieces`, where a stage gives them, say more about each slice: a later unit that has
    the same slice takes it from here.

    `payload` are bytes that whoever reads the receipt needs besides, as what a file that is spread over partitions holds for
    each of them (`stages.exchange.files`); it was called `parts` once. `seconds` is what the unit took its worker, up to
    the receipt; nothing that is made depends on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    format: int = FORMAT_VERSION
    stage: str
    unit: str
    files: tuple[StoredFile, ...]
    ledger: Ledger = Ledger()
    slices: tuple[tuple[str, int], ...] = ()
    read: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    facts: dict[str, int] = {}
    payload: bytes = Field(default=b"", validation_alias=AliasChoices("payload", "parts"))
    seconds: float = 0.0

    def file(self, role: str) -> StoredFile:
        """The one file of a role; raises KeyError if there is none."""
        for file in self.files:
            if file.role == role:
                return file
        raise KeyError(role)


def receipt_path(stage: str, unit: str) -> str:
    """Where a unit's receipt is."""
    return f"receipts/{stage}/{unit[:2]}/{unit}.json"


def find_receipt(objects: Objects, stage: str, unit: str) -> Receipt | None:
    """The receipt of a unit, or None if the unit is still to be done; raises CorruptionError if it is damaged."""
    path = receipt_path(stage, unit)
    try:
        data = objects.read(path)
    except FileNotFoundError:
        return None
    try:
        receipt = Receipt.model_validate_json(unseal(data)[0])
    except ValueError as error:
        raise CorruptionError(f"{objects.uri(path)} is no receipt, or damaged: {fault(error)}") from error
    if (receipt.stage, receipt.unit) != (stage, unit):
        raise CorruptionError(
            f"{objects.uri(path)} is the receipt of another unit: {receipt.stage} {receipt.unit}"
        )
    return receipt


def find_receipts(objects: Objects, units: Sequence[tuple[str, str]]) -> list[Receipt | None]:
    """The receipts of units, (stage, unit), in their order, None for one that is still to be done.

    Where there are many, the receipts of each stage are listed once, a request for every thousand of them, and only those
    that are there are read, side by side. A listing proves nothing: a unit that it misses is done again, and loses to
    the receipt that was there.
    """
    if len(units) <= FEW:
        return [find_receipt(objects, stage, unit) for stage, unit in units]
    stages = sorted({stage for stage, _ in units})
    listed = {path for stage in stages for path in objects.list(f"receipts/{stage}")}
    there = [one for one in units if receipt_path(*one) in listed]
    # A few for each look of a thread, which takes as long as reading one from a local disk.
    several = max(1, min(16, len(there) // (4 * READS_AT_ONCE)))
    shares = [there[i : i + several] for i in range(0, len(there), several)]
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        read = pool.map(lambda share: [find_receipt(objects, *one) for one in share], shares)
        found = {
            one: receipt
            for share, some in zip(shares, read, strict=True)
            for one, receipt in zip(share, some, strict=True)
        }
    return [found.get(one) for one in units]


def committed_receipts(
    objects: Objects, stage: str, units: Sequence[str], known: Mapping[str, Receipt] | None = None
) -> Iterator[Receipt]:
    """The receipts of units that a generation holds, in order; raises CorruptionError where one is gone.

    `known` are receipts that need not be read, by unit.
    """
    there = known or {}
    asked = [unit for unit in units if unit not in there]
    found = dict(zip(asked, find_receipts(objects, [(stage, unit) for unit in asked]), strict=True))
    for unit in units:
        listed = there.get(unit) or found[unit]
        receipt = listed or find_receipt(objects, stage, unit)  # a listing may lag behind
        if receipt is None:
            raise CorruptionError(
                f"the receipt of {stage} {unit} is committed but missing below {objects.root}: {remedy(objects)}"
            )
        yield receipt


def claim(objects: Objects, receipt: Receipt) -> Receipt:
    """Publish a receipt; where another attempt was first, discard this one's files and return the winner's."""
    receipt.ledger.check(f"{receipt.stage} {receipt.unit}")
    receipt = receipt.model_copy(update={"seconds": round(elapsed(), 3)})
    if publish(objects, receipt):
        return receipt
    winner = find_receipt(objects, receipt.stage, receipt.unit)
    if winner is None:
        raise CorruptionError(f"the receipt of {receipt.stage} {receipt.unit} was there and is gone")
    if len(winner.files) != len(receipt.files) or not all(map(StoredFile.same, winner.files, receipt.files)):
        raise CorruptionError(
            f"two attempts at {receipt.stage} {receipt.unit} gave different bytes: this is a bug"
        )
    kept = {file.path for file in winner.files}
    for file in receipt.files:
        if file.path not in kept:  # a receipt claimed again must not lose its own files
            objects.delete(file.path)
    return winner


def publish(objects: Objects, receipt: Receipt) -> bool:
    """Make a receipt visible; False where the unit has one.

    One of scratch alone is synced no more than its files: what a loss of power leaves of it is void as they are (`flow.void`).
    """
    data = seal(receipt.model_dump_json())
    scratch = bool(receipt.files) and not any(file.sha256 for file in receipt.files)
    return objects.put_if_absent(receipt_path(receipt.stage, receipt.unit), data, durable=not scratch)


def discard_all(objects: Objects, receipts: Sequence[Receipt]) -> None:
    """Forget units, very many of them side by side."""
    if len(receipts) <= FEW:
        for receipt in receipts:
            discard(objects, receipt)
        return
    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        list(pool.map(lambda receipt: discard(objects, receipt), receipts))


def discard(objects: Objects, receipt: Receipt) -> None:
    """Forget a unit: first its receipt, so that nobody trusts it, then its files."""
    objects.delete(receipt_path(receipt.stage, receipt.unit))
    for file in receipt.files:
        objects.delete(file.path)
