"""Agreement between stages: each unit's documents, rejects, text and tokens are what the stage before made of them.

    count   ── records of each input, and where the units are the same also empty, rejected, filtered, text ──▶ tokenize
    tokenize ── rows of its file = documents of its ledger, tokens too ──▶ exchange ── rows and tokens ──▶ pack
        └── survey, and duplicates: the same documents and tokens, by source and split ──┘

Sums would let two mistakes cancel out; these name the unit.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from pairloom.operators.errors import CorruptionError, DataError
from pairloom.pipeline.inputs.intake import INCOMPLETE_GROUP
from pairloom.pipeline.inputs.shaping.attributes import COLUMN_TYPE
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.manifest import SourceRecord, StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt, committed_receipts

__all__ = [
    "NOTHING_TRAINED",
    "ONLY_TOKENIZE",
    "SPECIAL_TOKEN_IN_TEXT",
    "check_deduplicated",
    "check_delivered",
    "check_exchanged",
    "check_indexed",
    "check_measured",
    "check_read_again",
    "check_surveyed",
    "check_tokenized",
]

SPECIAL_TOKEN_IN_TEXT = "special_token_in_text"  # noqa: S105
NOTHING_TRAINED = "nothing_trained"
ONLY_TOKENIZE = frozenset(
    {
        SPECIAL_TOKEN_IN_TEXT,
        NOTHING_TRAINED,
        "id_out_of_range",
        "probabilities_not_aligned",
        COLUMN_TYPE,
        INCOMPLETE_GROUP,
    }
)
"""The reasons that only tokenize rejects for: they depend on the vocabulary, or on what count does not read."""


def check_tokenized(objects: Objects, tokenized: Sequence[Receipt], counted: StageRecord | None) -> None:
    """Raise CorruptionError unless every tokenized unit agrees with its file, and with what count read (if it did)."""
    for receipt in tokenized:
        file = receipt.file("tokens")
        _same(receipt, "documents in its file", receipt.ledger.documents_out, file.rows)
        _same(receipt, "tokens in its file", receipt.ledger.tokens, file.facts["tokens"])
        _same(
            receipt, "records of its slices", receipt.ledger.documents_in, sum(n for _, n in receipt.slices)
        )
    if counted is None:
        return
    check_read_again(tokenized, list(committed_receipts(objects, "count", counted.units)))


def check_read_again(tokenized: Sequence[Receipt], before: Sequence[Receipt]) -> None:
    """Raise CorruptionError unless what was tokenized is what another stage has read of the same inputs."""
    read, now = _records(before), _records(tokenized)
    name = next((receipt.stage for receipt in before), "")
    for uri in sorted({*read, *now}):
        if read.get(uri) != now.get(uri):
            raise CorruptionError(
                f"{name} read {read.get(uri, 0)} records of {uri} and tokenize {now.get(uri, 0)}: the input changed in "
                "between, or this is a bug. Run again"
            )
    if [receipt.slices for receipt in before] != [receipt.slices for receipt in tokenized]:
        return  # read in units of another size: what can be compared is compared
    for old, new in zip(before, tokenized, strict=True):
        _same_text(old, new)
        special = sum(new.ledger.rejected.get(reason, 0) for reason in ONLY_TOKENIZE)
        rejected = {reason: n for reason, n in new.ledger.rejected.items() if reason not in ONLY_TOKENIZE}
        _same(new, "documents counted", new.ledger.documents_out + special, old.ledger.documents_out)
        _same(new, "empty documents counted", new.ledger.empty, old.ledger.empty)
        _same(new, "rejects counted", rejected, old.ledger.rejected)
        _same(new, "documents filtered when counted", new.ledger.filtered, old.ledger.filtered)
        _same(new, "bytes of text counted", new.ledger.text_bytes, old.ledger.text_bytes)


def check_exchanged(tokenized: StageRecord, exchanged: Sequence[Receipt]) -> None:
    """Raise CorruptionError unless every exchange file holds the documents and tokens of its shard."""
    for shard, receipt in zip(tokenized.files, exchanged, strict=True):
        file = receipt.file("exchange")
        _same(receipt, f"documents of {shard.path}", file.rows, shard.rows)
        _same(receipt, f"tokens of {shard.path}", file.facts["tokens"], shard.facts["tokens"])


def check_indexed(tokenized: StageRecord, indexed: Sequence[tuple[str, int, int]]) -> None:
    """Raise CorruptionError unless the index of every shard, (unit, documents, tokens), has what its shard has."""
    for shard, (unit, documents, tokens) in zip(tokenized.files, indexed, strict=True):
        if (documents, tokens) != (shard.rows, shard.facts["tokens"]):
            raise CorruptionError(
                f"exchange unit {unit[:12]}: {documents} documents with {tokens} tokens are spread over partitions, and "
                f"{shard.path} has {shard.rows} with {shard.facts['tokens']}. Nothing is committed; this is a bug, or an "
                "index was changed"
            )


def check_surveyed(tokenized: StageRecord, surveyed: Sequence[Receipt], keys: int | None = None) -> None:
    """Raise CorruptionError unless every survey, and its file of digests, has the documents and tokens of its shard.

    Where documents are signed, each has so many `keys`.
    """
    for shard, receipt in zip(tokenized.files, surveyed, strict=True):
        for what, there in (("documents", shard.rows), ("tokens", shard.facts["tokens"])):
            splits = receipt.facts[f"train_{what}"] + receipt.facts[f"validation_{what}"]
            _same(receipt, f"{what} of {shard.path}", splits, there)
        for file in receipt.files:
            each = 1 if keys is None or file.role != "keys" else keys
            _same(receipt, f"documents of {shard.path}", file.rows, each * shard.rows)


def check_measured(shards: Sequence[StoredFile], measured: Sequence[Receipt]) -> None:
    """Raise CorruptionError unless a statistic has seen the documents and tokens of every shard."""
    for shard, receipt in zip(shards, measured, strict=True):
        _same(receipt, f"documents of {shard.path}", receipt.ledger.documents_out, shard.rows)
        _same(receipt, f"tokens of {shard.path}", receipt.ledger.tokens, shard.facts["tokens"])


def check_deduplicated(tokenized: StageRecord, selected: StageRecord) -> None:
    """Raise CorruptionError unless the documents and tokens of all partitions are those that were tokenized.

    What is left out must be in the files of duplicates, and must be what the sources are counted to have lost.
    """
    before, after = tokenized.ledger, selected.ledger
    listed = sum(file.rows for file in selected.files)
    lost = [
        sum(s.duplicate_documents for s in selected.sources),
        sum(s.duplicate_tokens for s in selected.sources),
    ]
    if (
        [after.documents_in, after.tokens + after.deduplicated_tokens]
        != [before.documents_out, before.tokens]
        or lost != [after.deduplicated, after.deduplicated_tokens]
        or listed != after.deduplicated
    ):
        raise CorruptionError(
            f"{before.documents_out} documents with {before.tokens} tokens were tokenized; of {after.documents_in} that were "
            f"compared {after.deduplicated} are duplicates with {after.deduplicated_tokens} tokens, which leaves "
            f"{after.tokens}; {listed} are listed, and the sources lost {lost[0]} with {lost[1]} tokens: this is a bug"
        )


def check_delivered(
    surveyed: Sequence[SourceRecord],
    delivered: Sequence[SourceRecord],
    shards: Sequence[StoredFile],
    exchanged: Sequence[Receipt],
) -> None:
    """Raise CorruptionError unless every exchange file holds what was selected of its shard.

    Its documents are those of the shard, each in one split or a duplicate, and its copies are what it says it delivers.
    Their sums are what each source was surveyed to have, taken as often as the mixture says.
    """
    for shard, receipt in zip(shards, exchanged, strict=True):
        file, facts = receipt.file("exchange"), receipt.facts
        for what, there, here in (
            ("documents", shard.rows, file.rows),
            ("tokens", shard.facts["tokens"], file.facts["tokens"]),
        ):
            known = sum(facts[f"{split}_{what}"] for split in ("duplicate", "validation", "train"))
            taken = facts[f"validation_{what}"] + facts[f"delivered_{what}"]
            _same(receipt, f"{what} of {shard.path}", known, there)
            _same(receipt, f"{what} taken of {shard.path}", here, taken)
    for before, after in zip(surveyed, delivered, strict=True):
        none = {"delivered_documents": 0, "delivered_tokens": 0}
        if after.model_copy(update=none) != before:
            raise CorruptionError(
                f"source {before.name} was surveyed as {before} and exchanged as {after}: this is a bug"
            )
        epochs = Fraction(after.epochs)
        if after.chosen is not None:
            _check_chosen(after, epochs)
            continue
        for what, there, here in (
            ("documents", after.train_documents, after.delivered_documents),
            ("tokens", after.train_tokens, after.delivered_tokens),
        ):
            if not math.floor(epochs) * there <= here <= math.ceil(epochs) * there:
                raise CorruptionError(
                    f"source {after.name} has {there} {what} for training and delivers {here}, which is not {epochs} times "
                    "as many: this is a bug"
                )


def _check_chosen(source: SourceRecord, epochs: Fraction) -> None:
    """Raise CorruptionError where a source that is chosen from delivers what cannot be of what was chosen."""
    assert source.chosen is not None
    there, here = source.chosen.documents, source.delivered_documents
    low, high = (
        (0, here) if source.chosen.buckets else (math.floor(epochs) * there, math.ceil(epochs) * there)
    )
    if not low <= here <= high or there > source.train_documents or (here and not there):
        raise CorruptionError(
            f"source {source.name} has {there} documents that were chosen and delivers {here}, which is not {epochs} times as "
            "many: this is a bug"
        )


def _records(receipts: Sequence[Receipt]) -> dict[str, int]:
    records: dict[str, int] = {}
    for receipt in receipts:
        for uri, count in receipt.slices:
            records[uri] = records.get(uri, 0) + count
    return records


def _same_text(old: Receipt, new: Receipt) -> None:
    """Raise DataError for a slice whose texts were others when they were read again; size and time of a file prove little.

    Receipts of earlier versions do not say.
    """
    if not old.read or not new.read:
        return
    for (uri, _), before, now in zip(new.slices, old.read, new.read, strict=True):
        if before and now and before != now:
            raise DataError(
                f"{uri}: its text changed between {old.stage} and {new.stage}, although its size and time did not. Nothing is "
                "committed; touch the file, so that it counts as another one, and run again"
            )


def _same(receipt: Receipt, what: str, here: object, there: object) -> None:
    if here != there:
        inputs = receipt.slices[0][0] if receipt.slices else "its inputs"
        raise CorruptionError(
            f"{receipt.stage} unit {receipt.unit[:12]}, {inputs}: {here} does not agree with {what}, {there}. Nothing is "
            "committed; this is a bug, or a receipt was changed"
        )
