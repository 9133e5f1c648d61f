"""Codebooks, modalities and interleaved parts, laid out as the papers that they come from print them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.given import arranged, given_streams, restored
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.recipe import Recipe
from tests.runs.test_given_tokens import documents, proved, recipe, segments, write_parquet

DELAY_FILL = "<|fill|>"


def audio(folder: Path, rows: Any, layout: dict[str, Any], **keys: Any) -> Recipe:
    """A recipe for codes of several codebooks."""
    write_parquet(folder / "audio.parquet", codes=rows)
    source = {
        "name": "audio",
        "paths": [str(folder / "audio.parquet")],
        "given": {"tokens": "codes", "layout": layout},
    }
    specials = ["<|endoftext|>", DELAY_FILL]
    return recipe(folder, source, **{"vocabulary": {"size": 32, "special_tokens": specials}, **keys})


def test_musicgen_delays_each_codebook_by_one_step_more(tmp_path: Path) -> None:
    """(D1) Copet et al., 2023, figure 1, "delay pattern": codebook k stands k steps later, behind special tokens."""
    codes = [[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]]
    made = audio(tmp_path, codes, {"codebooks": 4, "pattern": "delay", "fill": DELAY_FILL})
    run(made)
    dataset = open_dataset(made.root)
    (one,) = segments(dataset, "input_ids", "codes_1", "codes_2", "codes_3")
    x, end = 33, 32
    assert list(one.values()) == [
        [1, 2, 3, 4, x, x, x, end],
        [x, 5, 6, 7, 8, x, x, end],
        [x, x, 9, 10, 11, 12, x, end],
        [x, x, x, 13, 14, 15, 16, end],
    ]
    steps = given_streams({name: values[:-1] for name, values in one.items()}, 4)
    assert restored(steps, "delay", 4).T.tolist() == codes[0]
    proved(dataset)


def test_codes_of_encodec_are_one_sequence_or_parallel_ones(tmp_path: Path) -> None:
    """(D1) Discrete audio tokens: step after step with a range of ids for each codebook, or a sequence for each."""
    codes = [[[1, 2, 3], [4, 5, 6]], [[7], [0]]]
    flat = audio(tmp_path / "a", codes, {"codebooks": 2, "size": 16}, pack={"seq_len": 64, "shuffle": "none"})
    run(flat)
    found = segments(open_dataset(flat.root), "input_ids", "codebook")
    assert sorted(map(str, found)) == sorted(
        map(
            str,
            [
                {"input_ids": [1, 20, 2, 21, 3, 22, 32], "codebook": [1, 2, 1, 2, 1, 2, 0]},
                {"input_ids": [7, 16, 32], "codebook": [1, 2, 0]},
            ],
        )
    )
    proved(open_dataset(flat.root))
    both = audio(tmp_path / "b", codes, {"codebooks": 2, "pattern": "parallel"})
    run(both)
    found = segments(open_dataset(both.root), "input_ids", "codes_1")
    assert {"input_ids": [1, 2, 3, 32], "codes_1": [4, 5, 6, 32]} in found
    proved(open_dataset(both.root))


def test_a_field_for_each_codebook_and_a_list_for_each_step_are_the_same(tmp_path: Path) -> None:
    """(D1) TokenFlow: two codebooks with one index, here as two columns; others give a list a step."""
    codes = [[[1, 2, 3], [4, 5, 6]], [[7, 8], [9, 10]]]
    base = audio(tmp_path / "a", codes, {"codebooks": 2, "pattern": "parallel"})
    write_parquet(tmp_path / "b.parquet", semantic=[c[0] for c in codes], pixel=[c[1] for c in codes])
    steps = [np.array(c).T.tolist() for c in codes]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"codes": one}) + "\n" for one in steps))
    layout = {"codebooks": 2, "pattern": "parallel"}
    fields = {
        "name": "b",
        "paths": [str(tmp_path / "b.parquet")],
        "given": {"tokens": ["semantic", "pixel"], "layout": layout},
    }
    listed = {
        "name": "c",
        "paths": [str(tmp_path / "c.jsonl")],
        "given": {"tokens": "codes", "layout": layout | {"lists": "step"}},
    }
    found = []
    for made in (
        base,
        recipe(tmp_path / "b", fields, vocabulary={"size": 32}),
        recipe(tmp_path / "c", listed, vocabulary={"size": 32}),
    ):
        run(made)
        proved(open_dataset(made.root))
        found.append(sorted(map(str, segments(open_dataset(made.root), "input_ids", "codes_1"))))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("pattern", ["flatten", "delay", "parallel"])
@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (5, 2), (3, 8)])
def test_every_pattern_is_undone(pattern: str, shape: tuple[int, int]) -> None:
    codes = np.random.default_rng(0).integers(0, 9, shape)
    again = restored(arranged(codes, pattern, 99), pattern, shape[1])
    assert np.array_equal(again.reshape(shape) if not shape[0] else again, codes)


def test_values_of_steps_go_with_their_codes(tmp_path: Path) -> None:
    """(D1) Sylber: units with durations."""
    path = tmp_path / "in.parquet"
    write_parquet(path, codes=[[[1, 2], [3, 4]]], seconds=[[0.5, 0.25]])
    for pattern, wanted in (("flatten", [0.5, 0.5, 0.25, 0.25, 0]), ("delay", [0.5, 0.25, 0, 0])):
        layout = {"codebooks": 2, "pattern": pattern} | ({"fill": DELAY_FILL} if pattern == "delay" else {})
        given = {"tokens": "codes", "layout": layout, "columns": {"seconds": "float32"}}
        specials = ["<|endoftext|>", DELAY_FILL]
        source = {"name": "a", "paths": [str(path)], "given": given}
        made = recipe(tmp_path / pattern, source, vocabulary={"size": 9, "special_tokens": specials})
        run(made)
        assert segments(open_dataset(made.root), "seconds") == [{"seconds": wanted}]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            [[1, 2], [3]],
            r"not_aligned: field 'codes' has lists of \[1, 2\] codes, 2 of them, and there are 2 codebooks",
        ),
        ([[1, 2]], r"lists of \[2\] codes, 1 of them, and there are 2 codebooks"),
        ([[1, 16], [3, 4]], r"id_out_of_range: codes: value 2 is 16, and a codebook has 16 ids"),
    ],
)
def test_codes_that_do_not_fit_are_dead_letters(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        run(audio(tmp_path, [row], {"codebooks": 2, "size": 16}))


def test_more_codes_than_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="2 codebooks of 18 codes are 36 ids, and there are 34"):
        run(audio(tmp_path, [[[1], [2]]], {"codebooks": 2, "size": 18}))


def interleaved(folder: Path, rows: list[Any], form: str = "jsonl", **keys: Any) -> Recipe:
    """A recipe for documents of parts."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"parts.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps({"parts": row}) + "\n" for row in rows))
    else:
        pq.write_table(pa.table({"parts": rows}), path)
    given = {"parts": "parts", "modalities": ["image"], **keys.pop("given", {})}
    source = {"name": "mixed", "paths": [str(path)], "given": given}
    vocabulary = {"size": 270, "modalities": {"image": 8}, **keys.pop("vocabulary", {})}
    return recipe(folder, source, vocabulary=vocabulary, **keys)


PARTS = [
    [
        {"type": "text", "text": "a cat: "},
        {"type": "image", "tokens": [5, 0, 7]},
        {"type": "text", "text": "; a dog: "},
        {"type": "image", "tokens": [1, 2]},
    ],
    [{"type": "image", "tokens": [3]}],
    [{"type": "text", "text": "only words, only words"}],
]


def spelled(dataset: Dataset, ids: list[int]) -> str:
    """The tokens of a document, as text."""
    return dataset.vocabulary().decode(ids).decode()


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_texts_and_images_are_one_sequence(tmp_path: Path, form: str) -> None:
    """(D2) SEED: a caption and the codes of an image, with what begins and ends it."""
    made = interleaved(tmp_path, PARTS, form, given={"untrained": ["image"]})
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    found = segments(dataset, "input_ids", "modality", "loss_mask")
    texts = {spelled(dataset, one["input_ids"]) for one in found}
    assert texts == {
        "a cat: <|image|><|image:5|><|image:0|><|image:7|><|/image|>; a dog: <|image|><|image:1|><|image:2|><|/image|><|endoftext|>",
        "<|image|><|image:3|><|/image|><|endoftext|>",
        "only words, only words<|endoftext|>",
    }
    for one in found:
        codes = [spelled(dataset, [token]).startswith("<|image:") for token in one["input_ids"]]
        assert one["modality"] == list(map(int, codes))
        assert one["loss_mask"] == [1 - code for code in map(int, codes)]


def test_a_text_that_spells_a_code_stays_text(tmp_path: Path) -> None:
    """(D2)"""
    made = interleaved(
        tmp_path, [[{"type": "text", "text": "<|image:5|>"}, {"type": "image", "tokens": [5]}]]
    )
    run(made)
    dataset = open_dataset(made.root)
    (one,) = segments(dataset, "input_ids", "modality")
    assert sum(one["modality"]) == 1
    assert len(one["input_ids"]) > 5
    proved(dataset)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "image", "tokens": [8]}, "id_out_of_range: part 0: value 0 is 8, and image has 8 ids"),
        (
            {"type": "sound", "tokens": [1]},
            "unknown_modality: part 0 of 'parts' is of type 'sound', and there are text, image",
        ),
        ({"type": "text"}, "null_text: part 0 of 'parts' has no text"),
        ({"type": "image"}, "part 0 of 'parts' has tokens that are none: field 'tokens' is null or missing"),
        (
            {"type": "image", "tokens": [-1]},
            "part 0 of 'parts' has tokens that are none: field 'tokens': value 0 is -1",
        ),
        ("text", "not_a_list: field 'parts' is"),
    ],
)
def test_parts_that_cannot_be_used_are_dead_letters(tmp_path: Path, part: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        run(interleaved(tmp_path, [[part], *PARTS], max_rejected=0.0))


def test_ids_of_a_modality_are_moved_to_its_range(tmp_path: Path) -> None:
    """(D1) TiTok: an image is 32 codes of one codebook, a modality of the vocabulary of a language model."""
    texts = tmp_path / "web.txt"
    texts.write_text("the cat and the dog and the cat")
    learned = recipe(tmp_path / "learned", {"name": "web", "paths": [str(texts)]}, vocabulary={"size": 260})
    run(learned)
    words = tmp_path / "words.json"
    open_dataset(learned.root).vocabulary().save(words)
    codes = documents(5, 4096)
    write_parquet(tmp_path / "titok.parquet", ids=codes)
    source = {
        "name": "images",
        "paths": [str(tmp_path / "titok.parquet")],
        "given": {"tokens": "ids", "modality": "image"},
    }
    made = recipe(tmp_path, source, vocabulary={"from": str(words), "modalities": {"image": 4096}})
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    vocabulary = dataset.vocabulary()
    first, begin, end = (vocabulary.special_id(t) for t in ("<|image:0|>", "<|image|>", "<|/image|>"))
    stop = vocabulary.special_id("<|endoftext|>")
    whole = [[begin, *(first + code for code in one), end, stop] for one in codes]
    found = [token for one in segments(dataset, "input_ids") for token in one["input_ids"]]
    assert sorted(found) == sorted(token for one in whole for token in one)


def test_a_range_of_ids_may_be_named_by_its_first(tmp_path: Path) -> None:
    """(D1)"""
    write_parquet(tmp_path / "in.parquet", ids=[[0, 1, 2]])
    given = {
        "tokens": "ids",
        "modality": {"name": "speech", "first": 10, "size": 3, "begin": "<s>", "number": 7},
    }
    source = {"name": "a", "paths": [str(tmp_path / "in.parquet")], "given": given}
    vocabulary = {"size": 20, "special_tokens": ["<|endoftext|>", "<s>"]}
    made = recipe(tmp_path, source, vocabulary=vocabulary)
    run(made)
    assert segments(open_dataset(made.root), "input_ids", "modality") == [
        {"input_ids": [21, 10, 11, 12, 20], "modality": [0, 7, 7, 7, 0]}
    ]
    given["modality"]["first"] = 30
    with pytest.raises(RecipeError, match="its ids run to 32, and the vocabulary has 22"):
        run(recipe(tmp_path / "b", source, vocabulary=vocabulary))


def test_a_modality_that_nobody_reserves_is_named_before_the_run(tmp_path: Path) -> None:
    source = {"name": "a", "paths": ["x.parquet"], "given": {"tokens": "ids", "modality": "image"}}
    with pytest.raises(
        ValueError,
        match=r"used in given of source a but is not in vocabulary.special_tokens.*vocabulary.modalities",
    ):
        recipe(tmp_path, source, vocabulary={"size": 20})


def test_interleaved_texts_teach_the_vocabulary_their_words(tmp_path: Path) -> None:
    """(D2)"""
    made = interleaved(tmp_path, PARTS, vocabulary={"size": 300})
    run(made)
    assert any(
        b"words" in token or b"only" in token or b"wo" in token
        for token in open_dataset(made.root).vocabulary().tokens
    )


def test_images_are_in_one_row_each(tmp_path: Path) -> None:
    """(D2) an image that would be cut by the end of a row begins in the next."""
    rows = [
        [
            part
            for k in range(9)
            for part in ({"type": "text", "text": "words " * k}, {"type": "image", "tokens": [k % 8] * 7})
        ]
        for _ in range(3)
    ]
    around = {"begin": "<|image|>", "end": "<|/image|>", "fill": "<|pad|>"}
    pack = {"seq_len": 32, "steps": [{"atomic": around}], "pad": "<|pad|>"}
    vocabulary = {"size": 280, "special_tokens": ["<|endoftext|>", "<|pad|>"]}
    made = interleaved(tmp_path, rows, vocabulary=vocabulary, pack=pack, given={"untrained": ["image"]})
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    begin, end, fill = (dataset.vocabulary().special_id(token) for token in around.values())
    found = segments(dataset, "input_ids", "loss_mask")
    assert sum(one["input_ids"].count(begin) for one in found) == 27
    for one in found:
        ids = one["input_ids"]
        assert [ids.index(begin, i) < ids.index(end, i) for i in range(len(ids)) if ids[i] == begin].count(
            False
        ) == 0
        assert ids.count(begin) == ids.count(end)
        assert all(mask == 0 for i, mask in zip(ids, one["loss_mask"], strict=True) if i == fill)
