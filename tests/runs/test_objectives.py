"""Each row step by a recipe, over text of the standard library: it runs, is proved, and survives a kill."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts import LAYOUTS
from pairloom.operators.layouts.span_corruption import span_lengths
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export import export
from pairloom.pipeline.recipe import Recipe
from tests.support.corpora import contents, recipe_for, write_jsonl

SENTINELS = [f"<extra_id_{i}>" for i in range(24)]
SPECIAL = ["<|endoftext|>", "<landmark>", "[MASK]", "[CLS]", "[SEP]", "</s>", "[R]", "[S]", "[X]", *SENTINELS]
STEPS = {
    "masked_lm": "{rate: 0.15}",
    "masked_lm:word": "{unit: word}",
    "masked_lm:span": "{unit: span}",
    "span_corruption": "{sentinels: 24}",
    "span_corruption:ul2": "{denoisers: ul2, sentinels: 24}",
    "electra": "{rate: 0.15}",
    "electra:pairs": "{pairs: true, length: 32}",
    "dupmae": "{rate: 0.3}",
    "ponet": "{length: 24}",
    "any_subset": "{rate: [0.6, 0.75]}",
    "aligned_rows": "{tokenizer: OTHER, width: 80, special: ['<|endoftext|>=</s>']}",
    "entity_masks": "{column: lexeme}",
    "byte2word": "{max_bytes: 40}",
    "dynamic_bpe": "{merges: 5}",
    "caft": "{ahead: 3}",
    "caft:within": "{ahead: 3, within: lexeme}",
    "hashed_features": "{size: 1000}",
    "landmark_rows": "{every: 15}",
    "lexinvariant_rows": "{rate: 0.5}",
    "ernie_gram": "{lexicon: LEXICON}",
    "ernie_gram:contiguous": "{lexicon: LEXICON, mode: contiguous}",
    "ernie_gram:comprehensive": "{lexicon: LEXICON, mode: comprehensive}",
}
# Steps that draw nothing, and those that need no special token.
SAME = frozenset(
    {"aligned_rows", "landmark_rows", "byte2word", "dynamic_bpe", "hashed_features", "caft", "caft:within"}
)
WITHOUT = frozenset(
    {
        "aligned_rows",
        "lexinvariant_rows",
        "byte2word",
        "dynamic_bpe",
        "hashed_features",
        "caft",
        "caft:within",
        "any_subset",
    }
)
CODE = "import sys; from pathlib import Path; from tests.runs.test_objectives import job; job(Path(sys.argv[1]), sys.argv[2])"


def standard_library() -> list[tuple[str, str]]:
    """The text of a few modules."""
    folder = Path(random.__file__).parent
    return [
        (path.name, path.read_text(encoding="utf-8")[:4000]) for path in sorted(folder.glob("s*.py"))[:24]
    ]


def recipe(folder: Path, step: str, root: str, *settings: str) -> Recipe:
    """A recipe with a step, stored unless told otherwise."""
    name, keys = step.partition(":")[0], STEPS[step].replace("LEXICON", str(folder / "lexicon.parquet"))
    keys = keys.replace("OTHER", str(folder / "other.json"))
    return recipe_for(
        folder,
        "vocabulary.size=500",
        f"vocabulary.special_tokens={SPECIAL!r}",
        f"pack.rows=[{{{name}: {keys}}}]",
        "execution.unit_bytes=20000",
        "pack.file_tokens=8000",
        *(["pack.steps=[identifiers]"] if "lexeme" in keys else []),
        *settings,
        root=folder / root,
    )


def job(folder: Path, step: str) -> None:
    run(recipe(folder, step, "killed"))


def test_every_row_step_is_tried() -> None:
    assert {name.partition(":")[0] for name in STEPS} == set(LAYOUTS.names())


@pytest.mark.parametrize("step", STEPS)
def test_it_runs_is_proved_is_applied_by_the_loader_and_survives_a_kill(tmp_path: Path, step: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", standard_library())
    if "LEXICON" in STEPS[step]:
        counted = run(recipe(tmp_path, "masked_lm", "counted", "statistics=[{ngrams: {top: 200}}]"))
        assert counted.stages["statistics"]
        pq.write_table(open_dataset(tmp_path / "counted").statistic("ngrams"), tmp_path / "lexicon.parquet")
    if "OTHER" in STEPS[step]:
        other = count_words(pa.array([text for _, text in standard_library()[:3]]), Pretokenizer())
        learn_bpe(other, 320, special_tokens=["</s>"]).save(tmp_path / "other.json")
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(tmp_path), step], cwd=Path(__file__).parents[2]
    )
    made = recipe(tmp_path, step, "whole")
    whole = run(made)
    dataset = open_dataset(tmp_path / "whole")
    round_trip(dataset, verify(dataset), sample=100)
    (stored,) = made.pack.rows
    drawn = [column.name for column in stored.columns]
    assert set(drawn) <= set(dataset.table().schema.names)
    # The loader's own rows are others in each epoch, and those that follow where it is stopped.
    plain = run(recipe(tmp_path, step, "whole", "pack.rows=[]"))
    assert plain.generation == whole.generation + 1
    anew, again = (open_dataset(tmp_path / "whole").loader(size, epochs=2, steps=[stored]) for size in (5, 3))
    both = pa.concat_tables(list(open_dataset(tmp_path / "whole").loader(1, epochs=2, steps=[stored])))
    rows = len(both) // 2
    epochs = [both.slice(0, rows), both.slice(rows)]
    if step not in SAME:
        assert any(not epochs[0].column(name).equals(epochs[1].column(name)) for name in drawn)
    first = next(iter(anew))
    again.load_state_dict(anew.state_dict())
    found = pa.concat_tables([first, *again])
    assert found.equals(both.slice(0, len(found)))
    while process.poll() is None and not list((tmp_path / "killed").rglob("*pack*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert contents(run(recipe(tmp_path, step, "killed"))) == contents(whole)


@pytest.mark.parametrize("step", sorted(set(STEPS) - WITHOUT))
def test_missing_special_tokens_are_named(tmp_path: Path, step: str) -> None:
    said = r"is used in the step \w+ but is not in vocabulary.special_tokens: add it"
    with pytest.raises(RecipeError, match=said):
        recipe(tmp_path, step, "none", "vocabulary.special_tokens=['<|endoftext|>']")


def test_rows_that_are_too_long_for_a_step_are_said_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"pack\.rows.*sentinels must be at least 102 for rows of 2048"):
        recipe(tmp_path, "span_corruption", "x", "pack.seq_len=2048", "pack.rows=[span_corruption]")


def test_columns_of_a_width_of_their_own_are_exported(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", standard_library())
    run(recipe(tmp_path, "span_corruption", "x", "pack.validation=0"))
    dataset = open_dataset(tmp_path / "x")
    export(dataset, "parquet", str(tmp_path / "parquet"))
    export(dataset, "mds", str(tmp_path / "mds"))
    table, found = (
        dataset.table(),
        pq.read_table([*map(str, sorted((tmp_path / "parquet").rglob("*.parquet")))]),
    )
    assert found.column("inputs").to_pylist() == table.column("inputs").to_pylist()
    shard = json.loads((tmp_path / "mds" / "index.json").read_text())["shards"][0]
    widths = span_lengths(64, 0.15, 3)
    kinds = dict(zip(shard["column_names"], shard["column_encodings"], strict=True))
    assert (kinds["inputs"], kinds["labels"]) == (f"ndarray:uint32:{widths[0]}", f"ndarray:int32:{widths[1]}")


def test_lengths_of_full_rows_are_exact(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", standard_library())
    run(
        recipe(
            tmp_path, "span_corruption", "x", "pack.seq_len=113", "pack.strategy=concat", "pack.validation=0"
        )
    )
    table = open_dataset(tmp_path / "x").table()
    labels = table.column("labels").combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    inputs = table.column("inputs").combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    assert (inputs.shape[1], labels.shape[1]) == span_lengths(113, 0.15, 3)
    full = np.array([sum(lengths) == 113 for lengths in table.column("segment_lengths").to_pylist()])
    assert full.sum() >= len(table) - 1
    assert (labels[full] >= 0).all()
