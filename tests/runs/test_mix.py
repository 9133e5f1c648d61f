"""Runs that mix sources and drop duplicates: what is delivered, what is counted, what stays where it is."""

import math
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline import Dataset, Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import Proof, verify
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.stages.exchange import orders
from pairloom.pipeline.stages.select import cost
from pairloom.pipeline.stages.select import mixed as select
from pairloom.pipeline.store.manifest import Manifest, SourceRecord
from tests.support.corpora import contents, copies_of, documents, mixed_recipe_for, rows_of, write_jsonl

Corpus = dict[str, list[tuple[str, str]]]
SMALL = ("execution.unit_bytes=12000", "pack.file_tokens=6000", "pack.shuffle.seed=5")


def corpus_of(sizes: dict[str, int]) -> Corpus:
    """Sources with ids of their own and hardly a document in common."""
    return {
        name: [
            (f"{name}-{i}", f"{text} {name} {i}") for i, (_, text) in enumerate(documents(size, seed=seed))
        ]
        for seed, (name, size) in enumerate(sizes.items())
    }


def write(folder: Path, corpus: Corpus) -> None:
    for name, texts in corpus.items():
        write_jsonl(folder / name / "a.jsonl", texts)


def numbers(texts: list[tuple[str, str]]) -> list[int]:
    return document_numbers(pa.array([name for name, _ in texts])).tolist()


def proved(recipe: Recipe) -> tuple[Dataset, Proof]:
    dataset = open_dataset(recipe.root)
    proof = verify(dataset)
    round_trip(dataset, proof, sample=3, everything=True)
    return dataset, proof


def sources_of(manifest: Manifest) -> dict[str, SourceRecord]:
    return {source.name: source for source in manifest.stages["pack"].sources}


def lengths_of(dataset: Dataset) -> dict[int, int]:
    """The tokens of each document, from its token shards."""
    out: dict[int, int] = {}
    for split in ("train", "validation"):
        for row in rows_of(dataset, split):
            for document, offset, length in zip(
                row["document"], row["offset"], row["segment_lengths"], strict=True
            ):
                out[document] = max(out.get(document, 0), offset + length)
    return out


CASES: list[tuple[dict[str, dict[str, Any]], tuple[str, ...]]] = [
    ({"web": {"weight": 3}, "books": {"weight": 1}, "code": {"weight": 0.5}}, ()),
    (
        {"web": {"weight": "2/7"}, "books": {"weight": "4/7"}, "code": {"weight": "1/7"}},
        ("mixture.tokens=40k",),
    ),
    ({"web": {"epochs": 0.4}, "books": {"epochs": 3}, "code": {}}, ("mixture.seed=9",)),
    (
        {"web": {"tokens": 5000}, "books": {"tokens": "0.02M"}, "code": {"epochs": 1.5}},
        ("pack.shuffle.mode=none",),
    ),
]


@pytest.mark.parametrize(("asked", "settings"), CASES)
def test_each_source_delivers_its_share(
    tmp_path: Path, asked: dict[str, dict[str, Any]], settings: tuple[str, ...]
) -> None:
    corpus = corpus_of({"web": 260, "books": 120, "code": 140})
    write(tmp_path, corpus)
    recipe = mixed_recipe_for(tmp_path, asked, *SMALL, *settings)
    manifest = run(recipe)
    dataset, proof = proved(recipe)
    records, lengths = sources_of(manifest), lengths_of(dataset)
    train, validation = copies_of(dataset, "train"), copies_of(dataset, "validation")
    assert not set(train) & set(validation)
    assert set(validation.values()) == {1}
    for name, texts in corpus.items():
        mine, record = numbers(texts), records[name]
        epochs = Fraction(record.epochs)
        held = [n for n in mine if n in validation]
        taken = {n: train[n] for n in mine if n not in validation}
        assert {math.floor(epochs), math.ceil(epochs)} >= set(taken.values())
        assert record.documents == len(mine) == record.train_documents + record.validation_documents
        assert record.validation_documents == len(held)
        assert record.validation_tokens == sum(lengths[n] for n in held)
        assert record.delivered_documents == sum(taken.values())
        assert record.delivered_tokens == sum(k * lengths[n] for n, k in taken.items() if k)
        assert record.duplicate_documents == record.duplicate_tokens == 0
        # Five standard deviations of choosing documents by themselves; the seed decides, so this holds or not for good.
        part = epochs % 1
        longest = max(lengths[n] for n in mine if n in lengths)
        spread = math.sqrt(part * (1 - part) * record.train_documents) * longest
        assert abs(record.delivered_tokens - epochs * record.train_tokens) <= 5 * spread
        assert abs(record.asked_tokens - epochs * record.train_tokens) < 1
        if "tokens" in asked[name]:
            assert record.asked_tokens == recipe.corpus[list(corpus).index(name)].tokens
        if "epochs" in asked[name]:
            assert epochs == Fraction(str(asked[name]["epochs"]))
    if "weight" in asked["web"]:
        total = sum(record.asked_tokens for record in records.values())
        weights = {name: Fraction(str(of["weight"])) for name, of in asked.items()}
        for name, weight in weights.items():
            assert abs(records[name].asked_tokens - total * weight / sum(weights.values())) < 4
        if recipe.mixture.tokens is None:
            assert max(Fraction(record.epochs) for record in records.values()) == 1
        else:
            assert recipe.mixture.tokens - 3 <= total <= recipe.mixture.tokens
    assert proof.taken_documents == sum(train.values()) + sum(validation.values())
    assert proof.taken_tokens == manifest.stages["pack"].facts["tokens"] > 0
    assert proof.documents == manifest.stages["tokenize"].ledger.documents_out


@pytest.mark.parametrize(
    ("mode", "strategy"), [("document", "best_fit"), ("none", "concat"), ("block", "best_fit")]
)
def test_units_do_not_change_a_byte(
    tmp_path: Path, mode: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "PARTITION_DOCUMENTS", 90)
    monkeypatch.setattr(select, "SPAN_RECORDS", 50)
    corpus = corpus_of({"web": 150, "books": 60})
    corpus["web"] += [("again", corpus["web"][3][1]), ("and again", corpus["books"][7][1])]
    corpus["books"] += corpus["web"][20:30]
    write(tmp_path, corpus)
    asked = {"web": {"epochs": "5/2"}, "books": {"tokens": 9000}}
    made = []
    for unit_bytes, one_pass in ((3_000, 3), (1_000_000, 512)):
        monkeypatch.setattr(orders, "ONE_PASS", one_pass)
        recipe = mixed_recipe_for(
            tmp_path,
            asked,
            f"execution.unit_bytes={unit_bytes}",
            f"pack.shuffle.mode={mode}",
            f"pack.strategy={strategy}",
            "pack.deduplicate=exact",
            "pack.file_tokens=2000",
            root=tmp_path / str(unit_bytes),
        )
        manifest = run(recipe)
        # Which group of mode block an input is in depends on its path; both may be in one.
        assert len(manifest.stages["pack"].files) > (1 if mode == "block" else 2)
        assert len(manifest.stages["select"].files) == 3
        made.append(
            ([contents(manifest)[stage] for stage in ("select", "pack")], manifest.stages["pack"].sources)
        )
    assert made[0] == made[1]
    web, books = made[0][1]
    assert (web.duplicate_documents, books.duplicate_documents) == (1, 11)


def test_without_shuffling_passes_follow_each_other(tmp_path: Path) -> None:
    corpus = corpus_of({"web": 40, "books": 15})
    write(tmp_path, corpus)
    asked = {"web": {"epochs": 2.5}, "books": {"epochs": 2}}
    settings = [
        "pack.shuffle.mode=none",
        "pack.strategy=concat",
        "pack.validation=0",
        "pack.file_tokens=1500",
    ]
    recipe = mixed_recipe_for(tmp_path, asked, *settings)
    manifest = run(recipe)
    assert len(manifest.stages["pack"].files) > 4
    seen = [
        document
        for row in rows_of(open_dataset(recipe.root))
        for document, offset in zip(row["document"], row["offset"], strict=True)
        if offset == 0
    ]
    web, books = numbers(corpus["web"]), numbers(corpus["books"])
    rest = seen[80:-30]
    assert seen == [*web, *web, *rest, *books, *books]
    assert 5 < len(rest) < 35
    assert rest == [number for number in web if number in rest]


@pytest.mark.parametrize(
    "settings",
    [
        ["pack.predict_every_token=true", "pack.strategy=concat", "pack.seq_len=7"],
        ["pack.predict_every_token=true", "pack.shuffle.mode=none"],
        ["pack.overflow=truncate", "pack.seq_len=16"],
        ["pack.overflow=drop", "pack.seq_len=16", "pack.deduplicate=exact"],
    ],
)
def test_copies_are_packed_as_documents_are(tmp_path: Path, settings: list[str]) -> None:
    write(tmp_path, corpus_of({"web": 50, "books": 30}))
    asked = {"web": {"epochs": 0.7}, "books": {"epochs": "7/2"}}
    recipe = mixed_recipe_for(tmp_path, asked, *SMALL, *settings)
    manifest = run(recipe)
    _, proof = proved(recipe)
    facts = manifest.stages["pack"].facts
    assert proof.selected
    assert facts["tokens"] - facts["repeated_tokens"] == proof.taken_tokens - proof.left_out_tokens > 0
    assert proof.left_out_tokens == facts["truncated_tokens"] + facts["dropped_tokens"]
    assert 0 < proof.row_documents < proof.source_documents


def test_duplicates_are_dropped_across_sources(tmp_path: Path) -> None:
    corpus = corpus_of({"web": 90, "books": 50})
    corpus["web"].insert(40, ("web-late", corpus["web"][10][1]))
    corpus["books"][5] = ("books-like-web", corpus["web"][2][1])
    corpus["books"][6] = corpus["web"][8]  # the id too
    corpus["books"][7] = ("web-8", "another text of an id that is there")
    corpus["books"].append(("books-late", corpus["books"][20][1]))
    write(tmp_path, corpus)
    place = tmp_path / "web" / "a.jsonl"  # rejected records have places in the corpus too
    lines = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(b"".join([*lines[:7], b"nonsense\n", *lines[7:30], b'{"id": "x"}\n', *lines[30:]]))
    settings = ["pack.deduplicate=exact", "max_rejected=1"]
    recipe = mixed_recipe_for(tmp_path, {"web": {}, "books": {}}, *SMALL, *settings)
    manifest = run(recipe)
    assert manifest.stages["tokenize"].ledger.rejects == 2
    dataset, proof = proved(recipe)
    seen: set[str] = set()
    expected: Counter[int] = Counter()
    for texts in corpus.values():
        for (_, text), number in zip(texts, numbers(texts), strict=True):
            if text not in seen:
                expected[number] += 1
            seen.add(text)
    assert copies_of(dataset, "train") + copies_of(dataset, "validation") == expected
    selected, pack = manifest.stages["select"], manifest.stages["pack"]
    ledger = selected.ledger
    assert ledger.deduplicated == sum(file.rows for file in selected.files) == 4
    assert ledger.documents_in == ledger.documents_out + 4 == manifest.stages["tokenize"].ledger.documents_out
    assert ledger.tokens + ledger.deduplicated_tokens == manifest.stages["tokenize"].ledger.tokens
    assert pack.ledger.documents_in == ledger.documents_out
    assert pack.facts["tokens"] == ledger.tokens == proof.taken_tokens
    records = sources_of(manifest)
    assert [records[name].duplicate_documents for name in corpus] == [1, 3]
    assert sum(record.duplicate_tokens for record in records.values()) == ledger.deduplicated_tokens


def test_of_equal_documents_in_two_splits_the_first_stays(tmp_path: Path) -> None:
    texts = [(f"{copy}-{i}", f"text {i}") for copy in ("one", "two", "three") for i in range(100)]
    write(tmp_path, {"web": texts})
    settings = ["pack.deduplicate=exact", "pack.validation=0.5", "mixture.seed=1"]
    recipe = mixed_recipe_for(tmp_path, {"web": {"epochs": 2}}, *SMALL, *settings)
    run(recipe)
    dataset, _ = proved(recipe)
    train, validation = copies_of(dataset, "train"), copies_of(dataset, "validation")
    assert set(train) | set(validation) == set(numbers(texts[:100]))
    assert not set(train) & set(validation)
    assert set(train.values()) == {2}
    assert set(validation.values()) == {1}


def test_a_corpus_of_one_text(tmp_path: Path) -> None:
    write(
        tmp_path, {"web": [(str(i), "the same") for i in range(50)], "books": [("x", "the same"), ("y", "")]}
    )
    settings = ["vocabulary.size=260", "pack.validation=0", "pack.deduplicate=exact"]
    recipe = mixed_recipe_for(tmp_path, {"web": {}, "books": {}}, *settings)
    manifest = run(recipe)
    dataset, proof = proved(recipe)
    assert copies_of(dataset, "train") == Counter(numbers([("0", "")]))
    assert [s.train_tokens > 0 for s in manifest.stages["pack"].sources] == [True, False]
    assert proof.taken_documents == 1
    wanted = mixed_recipe_for(tmp_path, {"web": {"weight": 1}, "books": {"weight": 1}}, *settings)
    with pytest.raises(RecipeError, match="source books has no training tokens"):
        run(wanted)


def test_the_split_survives_everything(tmp_path: Path) -> None:
    corpus = corpus_of({"web": 200, "books": 100})
    write(tmp_path, corpus)
    runs: list[tuple[dict[str, dict[str, Any]], list[str]]] = [
        ({"web": {}, "books": {}}, []),
        ({"web": {}, "books": {}}, ["vocabulary.size=300", "vocabulary.pretokenizer.scheme=llama3"]),
        ({"web": {"weight": 1}, "books": {"weight": 5}}, []),
        ({"web": {"epochs": 0.1}, "books": {"epochs": 4.5}}, ["pack.shuffle.mode=none"]),
        ({"books": {"epochs": 2}, "web": {}, "more": {}}, ["pack.deduplicate=exact"]),
    ]
    every = numbers([text for texts in corpus.values() for text in texts])
    held: list[set[int]] = []
    for i, (asked, settings) in enumerate(runs):
        if "more" in asked:
            write(tmp_path, corpus_of({"more": 80}))
            write(tmp_path, {"web": [("new", "first of all"), *corpus["web"]]})
        recipe = mixed_recipe_for(
            tmp_path, asked, "pack.validation=0.15", *settings, root=tmp_path / f"out{i}"
        )
        run(recipe)
        dataset = open_dataset(recipe.root)
        validation = copies_of(dataset, "validation")
        assert set(validation.values()) == {1}
        assert not set(validation) & set(copies_of(dataset, "train"))
        held.append(set(validation) & set(every))
    assert 20 < len(held[0]) < 80
    assert all(some == held[0] for some in held)


def steps(recipe: Recipe) -> tuple[Manifest, list[str]]:
    events: list[Event] = []
    manifest = run(recipe, observe=events.append)
    return manifest, [event.step for event in events if isinstance(event, StepStarted)]


def test_other_weights_reuse_the_survey_and_nothing_is_done_twice(tmp_path: Path) -> None:
    write(tmp_path, corpus_of({"web": 60, "books": 30}))

    def recipe(web: int, *settings: str) -> Recipe:
        asked = {"web": {"weight": web}, "books": {"weight": 1}}
        return mixed_recipe_for(tmp_path, asked, "pack.deduplicate=exact", *settings)

    first, done = steps(recipe(1))
    assert done[-4:] == ["survey", "select", "exchange", "pack"]
    assert steps(recipe(1)) == (first, [])
    second, done = steps(recipe(2))
    assert done == ["prepare", "exchange", "pack"]
    assert second.stages["select"] == first.stages["select"]
    assert sources_of(second)["web"].epochs != sources_of(first)["web"].epochs
    assert steps(recipe(2, "pack.seq_len=32"))[1] == ["prepare", "exchange", "pack"]
    assert steps(recipe(2, "pack.validation=0.2"))[1][:2] == ["prepare", "survey"]
    left = {path.name for path in (tmp_path / "out" / "data" / "survey").rglob("*") if path.is_file()}
    assert not left


def test_nothing_is_selected_where_nothing_is_asked(tmp_path: Path) -> None:
    write(tmp_path, corpus_of({"web": 60, "books": 30}))
    plain, done = steps(mixed_recipe_for(tmp_path, {"web": {}, "books": {}}))
    assert not {"survey", "select"} & set(done)
    assert plain.stages["pack"].sources == ()
    once = mixed_recipe_for(tmp_path, {"web": {"epochs": 1}, "books": {"epochs": "2/2"}})
    assert steps(once) == (plain, [])
    # Selecting everything once changes no byte of the rows.
    exact = run(mixed_recipe_for(tmp_path, {"web": {}, "books": {}}, "pack.deduplicate=exact"))
    assert contents(exact)["pack"] == contents(plain)["pack"]
    with pytest.raises(RecipeError, match="neither mixes nor deduplicates"):
        run(mixed_recipe_for(tmp_path, {"web": {}, "books": {}}), until="select")


def test_a_lost_list_of_duplicates_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {"web": [(str(i), f"text {i % 40}") for i in range(80)]})
    recipe = mixed_recipe_for(tmp_path, {"web": {}}, *SMALL, "pack.deduplicate=exact")
    manifest = run(recipe)
    dataset = open_dataset(recipe.root)
    (place,) = (Path(dataset.objects.uri(file.path)) for file in manifest.stages["select"].files)
    place.unlink()
    with pytest.raises(CorruptionError, match=f"{place.name} is missing"):
        verify(dataset)
    with pytest.raises(CorruptionError, match=f"{place.name} is missing"):
        run(mixed_recipe_for(tmp_path, {"web": {}}, *SMALL, "pack.deduplicate=exact", "pack.seq_len=32"))
