"""Stages agree unit by unit, or nothing is committed."""

from pathlib import Path

import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.stages.agreement import (
    check_deduplicated,
    check_delivered,
    check_exchanged,
    check_indexed,
    check_surveyed,
    check_tokenized,
)
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.manifest import SourceRecord, StageRecord
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.receipts import Ledger, Receipt, claim


def stored(role: str, rows: int, tokens: int) -> StoredFile:
    return StoredFile(
        role=role, path=f"data/{role}", bytes=1, sha256="0", rows=rows, facts={"tokens": tokens}
    )


def unit(stage: str, name: str, documents_out: int, *, empty: int = 0, **more: int) -> Receipt:
    rejected = {reason: n for reason, n in more.items() if reason not in ("rows", "tokens", "text_bytes")}
    records = documents_out + empty + sum(rejected.values())
    return Receipt(
        stage=stage,
        unit=name * 32,
        files=(stored("tokens", more.get("rows", documents_out), 10),),
        ledger=Ledger(
            documents_in=records,
            documents_out=documents_out,
            empty=empty,
            rejected=rejected,
            text_bytes=more.get("text_bytes", 0),
            tokens=more.get("tokens", 10),
        ),
        slices=(("file:///a", records),),
    )


COUNTED = {
    "a": unit("count", "a", 7, empty=1, bad=2, text_bytes=50),
    "b": unit("count", "b", 3, text_bytes=20),
}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (
            unit("tokenize", "a", 7, empty=1, bad=2, text_bytes=50),
            unit("tokenize", "b", 3, text_bytes=20),
            None,
        ),
        (
            unit("tokenize", "a", 5, empty=1, bad=2, special_token_in_text=2, text_bytes=50),
            unit("tokenize", "b", 3, text_bytes=20),
            None,
        ),
        (
            unit("tokenize", "a", 8, empty=0, bad=2, text_bytes=50),
            unit("tokenize", "b", 3, text_bytes=20),
            r"unit a{12}, file:///a: 8 does not agree with documents counted, 7",
        ),
        (
            unit("tokenize", "a", 7, empty=1, bad=1, worse=1, text_bytes=50),
            unit("tokenize", "b", 3, text_bytes=20),
            "does not agree with rejects counted",
        ),
        (
            unit("tokenize", "a", 7, empty=1, bad=2, text_bytes=51),
            unit("tokenize", "b", 3, text_bytes=19),
            "unit a{12}.*bytes of text",
        ),
        (
            unit("tokenize", "a", 7, empty=1, bad=2, text_bytes=50),
            unit("tokenize", "b", 4, text_bytes=20),
            "count read 13 records of file:///a and tokenize 14",
        ),
        (
            unit("tokenize", "a", 7, empty=1, bad=2, text_bytes=50, rows=6),
            unit("tokenize", "b", 3, text_bytes=20, rows=4),
            "unit a{12}.*documents in its file, 6",
        ),
        (
            unit("tokenize", "a", 7, empty=1, bad=2, text_bytes=50, tokens=11),
            unit("tokenize", "b", 3, text_bytes=20),
            "unit a{12}.*tokens in its file, 10",
        ),
    ],
)
def test_units_agree_with_the_count(tmp_path: Path, a: Receipt, b: Receipt, message: str | None) -> None:
    objects = LocalObjects(str(tmp_path))
    for receipt in COUNTED.values():
        claim(objects, receipt)
    counted = StageRecord(key="k", units=tuple(r.unit for r in COUNTED.values()), files=())
    if message is None:
        check_tokenized(objects, [a, b], counted)
    else:
        with pytest.raises(CorruptionError, match=message):
            check_tokenized(objects, [a, b], counted)


def test_an_exchange_file_holds_its_shard() -> None:
    tokenized = StageRecord(
        key="k", units=("u", "v"), files=(stored("tokens", 3, 10), stored("tokens", 5, 20))
    )

    def receipt(rows: int, tokens: int) -> Receipt:
        return Receipt(stage="exchange", unit="e" * 32, files=(stored("exchange", rows, tokens),))

    check_exchanged(tokenized, [receipt(3, 10), receipt(5, 20)])
    for wrong in ([receipt(4, 10), receipt(4, 20)], [receipt(3, 11), receipt(5, 19)]):
        with pytest.raises(CorruptionError, match=r"exchange unit e{12}.*of data/tokens"):
            check_exchanged(tokenized, wrong)


def test_an_index_has_what_its_shard_has() -> None:
    tokenized = StageRecord(
        key="k", units=("u", "v"), files=(stored("tokens", 3, 10), stored("tokens", 5, 20))
    )
    check_indexed(tokenized, [("a" * 32, 3, 10), ("b" * 32, 5, 20)])
    for rows, tokens in ((4, 20), (5, 19)):
        with pytest.raises(CorruptionError, match=rf"unit b{{12}}: {rows} documents with {tokens} tokens"):
            check_indexed(tokenized, [("a" * 32, 3, 10), ("b" * 32, rows, tokens)])


SURVEY = {"train_documents": 2, "train_tokens": 7, "validation_documents": 1, "validation_tokens": 3}


@pytest.mark.parametrize(
    ("facts", "rows", "message"),
    [
        ({}, 3, None),
        ({"train_documents": 1}, 3, "survey unit s{12}.*: 2 does not agree with documents of data/tokens, 3"),
        ({"validation_tokens": 4}, 3, "11 does not agree with tokens of data/tokens, 10"),
        ({}, 2, "2 does not agree with documents of data/tokens, 3"),
    ],
)
def test_a_survey_is_of_its_shard(facts: dict[str, int], rows: int, message: str | None) -> None:
    tokenized = StageRecord(key="k", units=("u",), files=(stored("tokens", 3, 10),))
    receipt = Receipt(
        stage="survey", unit="s" * 32, files=(stored("digests", rows, 0),), facts=SURVEY | facts
    )
    if message is None:
        check_surveyed(tokenized, [receipt])
    else:
        with pytest.raises(CorruptionError, match=message):
            check_surveyed(tokenized, [receipt])


@pytest.mark.parametrize(
    ("listed", "ledger", "lost"),
    [
        (2, {}, 2),
        (1, {}, 2),
        (3, {}, 2),
        (2, {"documents_in": 9, "documents_out": 7}, 2),
        (2, {"documents_out": 7, "deduplicated": 3}, 2),
        (2, {"tokens": 31}, 2),
        (2, {"deduplicated_tokens": 9}, 2),
        (2, {}, 1),
    ],
)
def test_what_is_deduplicated_adds_up(listed: int, ledger: dict[str, int], lost: int) -> None:
    tokenized = StageRecord(
        key="k", units=("u",), files=(), ledger=Ledger(documents_in=12, documents_out=10, empty=2, tokens=40)
    )
    right = {
        "documents_in": 10,
        "documents_out": 8,
        "deduplicated": 2,
        "tokens": 30,
        "deduplicated_tokens": 10,
    }
    selected = StageRecord(
        key="k",
        units=("v",),
        files=(stored("duplicates", listed, 0),),
        ledger=Ledger.model_validate(right | ledger),
        sources=(SourceRecord(name="web", duplicate_documents=lost, duplicate_tokens=10),),
    )
    if (listed, ledger, lost) == (2, {}, 2):
        check_deduplicated(tokenized, selected)
    else:
        with pytest.raises(CorruptionError, match="10 documents with 40 tokens were tokenized; of"):
            check_deduplicated(tokenized, selected)


DELIVERED = SURVEY | {
    "duplicate_documents": 1,
    "duplicate_tokens": 2,
    "delivered_documents": 5,
    "delivered_tokens": 16,
}


@pytest.mark.parametrize(
    ("facts", "rows", "source", "message"),
    [
        ({}, 6, {}, None),
        ({}, 5, {}, "5 does not agree with documents taken of data/tokens, 6"),
        ({"delivered_tokens": 17}, 6, {}, "19 does not agree with tokens taken of data/tokens, 20"),
        ({"duplicate_documents": 0}, 6, {}, "3 does not agree with documents of data/tokens, 4"),
        ({"train_tokens": 8}, 6, {}, "13 does not agree with tokens of data/tokens, 12"),
        ({}, 6, {"duplicate_tokens": 3}, "source web was surveyed as"),
        (
            {},
            6,
            {"epochs": "2"},
            "source web has 2 documents for training and delivers 5, which is not 2 times",
        ),
        (
            {},
            6,
            {"epochs": "7/2"},
            "source web has 2 documents for training and delivers 5, which is not 7/2",
        ),
        ({"delivered_tokens": 22}, 6, {}, "source web has 7 tokens for training and delivers 22"),
    ],
)
def test_what_is_delivered_is_what_was_selected(
    facts: dict[str, int], rows: int, source: dict[str, str | int], message: str | None
) -> None:
    tokens = 3 + (DELIVERED | facts)["delivered_tokens"] - (message or "").startswith("19")
    receipt = Receipt(
        stage="exchange", unit="e" * 32, files=(stored("exchange", rows, 0),), facts=DELIVERED | facts
    )
    receipt.files[0].facts["tokens"] = tokens
    counts = {name: n for name, n in DELIVERED.items() if not name.startswith("delivered")}
    sums = {"name": "web", "documents": 4, "tokens": 12, "epochs": "5/2"}
    surveyed = SourceRecord.model_validate(sums | counts | source)
    delivered = surveyed.model_copy(
        update={name: n for name, n in (DELIVERED | facts).items() if name not in source}
        | {name: DELIVERED[name] for name in source if name in DELIVERED}
    )
    arguments = [surveyed], [delivered], [stored("tokens", 4, 12)], [receipt]
    if message is None:
        check_delivered(*arguments)
    else:
        with pytest.raises(CorruptionError, match=message):
            check_delivered(*arguments)
