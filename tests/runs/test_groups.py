"""Shuffle `group`, and `pack.related`: documents of a group come one after another, in one row as far as they fit."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack.derive import cu_seqlens
from pairloom.operators.pack.joined import joined_lengths
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.expected import Taken
from pairloom.pipeline.audit.joined import check_joined
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.recipe import Recipe

SEQ_LEN = 64


def write(folder: Path, count: int = 300) -> None:
    (folder / "in").mkdir()
    lines = [
        {
            "id": f"doc {i}",
            "text": f"file {i} " * (1 + i % 11),
            "repo": f"org/{i % 37}" if i % 10 else None,
            "number": -i,
        }
        for i in range(count)
    ]
    (folder / "in" / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def recipe(folder: Path, *, kind: str = "hash", unit: int = 3000, root: str = "out", **pack: Any) -> Recipe:
    columns = [{"name": "repo", "type": kind}, {"name": "number", "type": "int32"}]
    source = {"name": "code", "paths": [str(folder / "in" / "*")], "id": "id", "columns": columns}
    return Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": [source | pack.pop("source", {})],
            "vocabulary": {"size": 280, **pack.pop("vocabulary", {})},
            "tokenize": pack.pop("tokenize", {}),
            "pack": {
                "seq_len": SEQ_LEN,
                "file_tokens": 4000,
                "shuffle": {"mode": "group", "by": "repo", "then": "number"},
                **pack,
            },
            "execution": {"engine": "local", "unit_bytes": unit},
        }
    )


def documents(dataset: Dataset) -> list[tuple[Any, int, int, int]]:
    """Of each document in the order of rows: its group, its place, its row, and its tokens."""
    found, columns, number = {}, dataset.columns, 0
    for batch in dataset.batches():
        for row in batch.to_pylist():
            for i, document in enumerate(row["document"]):
                repo = columns["repo"].said(row["repo"][i])
                key = (document, repo)
                _, place, first, tokens = found.get(key, (repo, row["number"][i], number, 0))
                found[key] = (repo, place, first, tokens + row["segment_lengths"][i])
            number += 1
    return list(found.values())


@pytest.mark.parametrize("kind", ["hash", "string"])
def test_groups_stay_together_and_in_order(tmp_path: Path, kind: str) -> None:
    write(tmp_path)
    run(
        asked := recipe(
            tmp_path,
            kind=kind,
            strategy="concat",
            file_tokens=10**6,
            shuffle={"mode": "group", "by": "repo", "then": "number"},
        )
    )
    dataset = open_dataset(asked.root)
    round_trip(dataset, verify(dataset), sample=3)
    # Rows are permuted: whatever is in one is in order.
    for batch in dataset.batches():
        for row in batch.to_pylist():
            names = [dataset.columns["repo"].said(value) for value in row["repo"]]
            pairs = list(zip(names, row["number"], strict=True))
            runs = [
                (name, [place for _, place in some])
                for name, some in groupby(pairs, key=lambda pair: pair[0])
            ]
            named = [name for name, _ in runs if name is not None]
            assert len(named) == len(set(named))
            assert all(places == sorted(places) for name, places in runs if name is not None)


@pytest.mark.parametrize("strategy", ["best_fit", "first_fit", "padded"])
def test_related_documents_share_rows_as_far_as_they_fit(tmp_path: Path, strategy: str) -> None:
    write(tmp_path)
    rows_of = {}
    for related in (False, True):
        run(asked := recipe(tmp_path, root=f"out{related}", strategy=strategy, related=related))
        dataset = open_dataset(asked.root)
        round_trip(dataset, verify(dataset), sample=3)
        groups: dict[Any, tuple[set[int], list[tuple[int, int]]]] = {}
        for repo, place, row, tokens in documents(dataset):
            if repo is not None:
                rows, members = groups.setdefault(repo, (set(), []))
                rows.add(row)
                members.append((place, tokens))
        rows_of[related] = sum(len(rows) for rows, _ in groups.values())
        if related:
            for rows, members in groups.values():
                bundles, filled = 0, SEQ_LEN
                for _, tokens in sorted(members):
                    if filled + tokens > SEQ_LEN:
                        bundles, filled = bundles + 1, 0
                    filled += tokens
                assert len(rows) <= bundles
    assert rows_of[True] < rows_of[False]


def test_nothing_depends_on_units(tmp_path: Path) -> None:
    write(tmp_path)
    found = []
    for unit in (2000, 10**6):
        run(asked := recipe(tmp_path, root=f"out{unit}", unit=unit, related=True, validation=0.1))
        found.append([row["document"] for row in open_dataset(asked.root).table().to_pylist()])
    assert found[0] == found[1]


def test_copies_are_groups_of_their_own(tmp_path: Path) -> None:
    write(tmp_path)
    run(asked := recipe(tmp_path, related=True, source={"epochs": 2}))
    dataset = open_dataset(asked.root)
    verify(dataset)
    for batch in dataset.batches():
        for row in batch.to_pylist():
            assert len(set(row["document"])) == len(row["document"])


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        (
            {"related": True, "strategy": "concat"},
            "related keeps documents of a group in one row: it needs shuffle group",
        ),
        ({"related": True, "shuffle": "document"}, "it needs shuffle group"),
        ({"shuffle": {"mode": "group"}}, "mode group needs the key 'by'"),
        ({"join": {}, "shuffle": "document"}, "join puts documents of a group together: say which"),
        ({"join": {}, "overflow": "drop"}, "overflow drop is about each: say overflow: split"),
        ({"join": {}, "related": True}, "leave related out"),
        ({"join": {}, "predict_every_token": True}, "keep one of them"),
        ({"join": "<|file|>"}, r"<\|file\|> is used in pack.join but is not in vocabulary.special_tokens"),
        (
            {"shuffle": {"mode": "group", "by": "owner"}},
            "pack.shuffle.by is owner, and no source has a column",
        ),
        (
            {"shuffle": {"mode": "group", "by": "repo", "then": "path"}},
            "pack.shuffle.then is path, and no source",
        ),
    ],
)
def test_groups_that_cannot_be_are_refused(tmp_path: Path, pack: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(tmp_path, **pack)


def joined(dataset: Dataset) -> list[list[tuple[Any, str, bool]]]:
    """The joined documents of all rows, as far as each row has them: of each segment its group, its text, and whether it was added."""
    found: list[list[tuple[Any, str, bool]]] = []
    words, columns = dataset.vocabulary(), dataset.columns
    for batch in dataset.batches():
        for row in batch.to_pylist():
            at = 0
            for flag, length, repo in zip(row["joined"], row["segment_lengths"], row["repo"], strict=True):
                text = words.decode(row["input_ids"][at : at + length]).decode("utf-8", "replace")
                at += length
                if not flag & 1:
                    found.append([])
                found[-1].append((columns["repo"].said(repo), text, bool(flag & 2)))
    return found


@pytest.mark.parametrize("strategy", ["best_fit", "first_fit", "padded", "concat", "buckets"])
@pytest.mark.parametrize("most", [40, 64, 200])
def test_documents_of_a_group_are_joined(tmp_path: Path, strategy: str, most: int) -> None:
    write(tmp_path)
    join = {"separator": "\n--\n", "append": "<|endoftext|>", "max_tokens": most}
    run(asked := recipe(tmp_path, strategy=strategy, join=join, validation=0.1, tokenize={"append": []}))
    dataset = open_dataset(asked.root)
    round_trip(dataset, proof := verify(dataset), sample=3)
    assert proof.added_tokens > 0
    assert proof.row_documents > 0
    stitched = joined(dataset)
    assert any(sum(not added for *_, added in one) > 2 for one in stitched)
    for one in stitched:
        assert len({repo for repo, *_ in one}) == 1
        assert all(
            "--".startswith(text.strip("\n")) or text == "<|endoftext|>" or not added
            for _, text, added in one
        )
    whole = [one for one in stitched if one[-1][1] == "<|endoftext|>" and one[0][1].startswith("file")]
    for one in whole if most <= SEQ_LEN and strategy != "buckets" else ():
        assert [added for *_, added in one] == [bool(i % 2) for i in range(len(one))]
        assert {text for _, text, _ in one[1:-1:2]} <= {"\n--\n"}
        numbers = [int(text.split()[1]) for _, text, added in one if not added]
        assert numbers == sorted(numbers, reverse=True)  # `then` is -number


def test_joined_documents_are_one_to_a_trainer(tmp_path: Path) -> None:
    write(tmp_path)
    run(asked := recipe(tmp_path, join={}))
    dataset = open_dataset(asked.root)
    round_trip(dataset, verify(dataset), sample=3)
    for rows in dataset.batches():
        one = rows.slice(0, 3)  # also of a part of a batch
        merged = joined_lengths(one).to_pylist()
        for row, lengths in zip(one.to_pylist(), merged, strict=True):
            assert sum(lengths) == sum(row["segment_lengths"])
            assert len(lengths) == sum(not flag & 1 for flag in row["joined"])
        assert len(cu_seqlens(joined_lengths(one), SEQ_LEN)) <= len(
            cu_seqlens(one["segment_lengths"], SEQ_LEN)
        )


def test_joining_depends_on_no_units_and_takes_copies(tmp_path: Path) -> None:
    write(tmp_path)
    found = []
    for unit in (2000, 10**6):
        tokens = ["<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
        asked = recipe(
            tmp_path,
            root=f"out{unit}",
            unit=unit,
            source={"epochs": 2},
            vocabulary={"special_tokens": tokens},
            join="\n",
            steps=[{"fim": {"rate": 0.5}}],
        )
        run(asked)
        dataset = open_dataset(asked.root)
        round_trip(dataset, verify(dataset), sample=3)
        found.append(dataset.table().to_pylist())
    assert found[0] == found[1]


def test_verify_finds_what_was_joined_wrongly(tmp_path: Path) -> None:
    write(tmp_path)
    run(asked := recipe(tmp_path, join="\n", file_tokens=10**6))
    dataset = open_dataset(asked.root)
    (stored,) = dataset.manifest.stage("pack").files
    batch = next(iter(dataset.batches()))
    taken = Taken(dataset)
    assert check_joined(dataset, stored, 0, batch, taken) > 0
    place = batch.schema.get_field_index("joined")
    lists = batch.column(place)
    flags = lists.flatten().to_numpy().copy()
    for at, wrong, message in (
        (0, 1, "goes on from one that is not of its repo, or from nothing"),
        (0, 2, "stands for what joining adds"),
    ):
        other = flags.copy()
        other[at] = wrong
        made = pa.ListArray.from_arrays(lists.offsets, pa.array(other)).cast(batch.schema.field(place).type)
        with pytest.raises(CorruptionError, match=message):
            check_joined(dataset, stored, 0, batch.set_column(place, batch.schema.field(place), made), taken)
    with pytest.raises(CorruptionError, match="row 0: has no column joined"):
        check_joined(dataset, stored, 0, batch.drop_columns(["joined"]), taken)


@pytest.mark.parametrize("pack", [{}, {"related": True}, {"join": {}}])
def test_partitions_may_have_no_group(tmp_path: Path, pack: dict[str, Any]) -> None:
    """Two groups in many files, most of which stay without a row, and a split that holds nothing out."""
    write(tmp_path)
    lines = (tmp_path / "in" / "a.jsonl").read_text().splitlines()[1:100:37]
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(lines))
    run(asked := recipe(tmp_path, file_tokens=20, validation=0.001, **pack))
    dataset = open_dataset(asked.root)
    round_trip(dataset, verify(dataset), sample=3)
    assert len(documents(dataset)) == len(lines)
