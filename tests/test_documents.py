"""The Python of the documents is Python, and does what it says it does.

The blocks of a document run one after the other, as somebody would type them, in a folder that holds what the words
around them stand for (`given`). A block that cannot is marked above by `<!-- not run: why -->`, and is compiled.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.export.tiktoken import export_tiktoken
from tests.support.corpora import documents, recipe_for, write_jsonl

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    "infra/README.md",
    *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")),
]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+?) -->\n+)?^```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    line: int
    code: str
    why: str | None


def blocks(name: str) -> list[Block]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, match.start("code")), match["code"], match["why"])
        for match in BLOCK.finditer(text)
    ]


def given(folder: Path) -> dict[str, Any]:
    """A packed root `out` of a `recipe.yaml`, a learned vocabulary in each file format, and a rank of one."""
    write_jsonl(folder / "in" / "a.jsonl", documents(200))
    recipe = recipe_for(folder, "pack.seq_len=2048")
    (folder / "recipe.yaml").write_text(recipe.model_dump_json(by_alias=True))
    run(recipe)
    texts = pa.chunked_array([[text for _, text in documents(20)]])
    counts = count_words(texts, Pretokenizer())
    vocabulary = learn_bpe(counts, 400, special_tokens=["<|endoftext|>"])
    vocabulary.save("words.json")
    export_tiktoken(vocabulary, "words.tiktoken")
    return {
        "rank": 0,
        "world_size": 1,
        "batch": next(iter(open_dataset("out").loader(batch_size=4))),
        "words": ["threads", "needle"],
        "path": "words.json",
        "texts": texts,
        "counts": counts,
        "vocabulary": vocabulary,
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = blocks(name)
    assert len(found) == (ROOT / name).read_text(encoding="utf-8").count("```python\n")
    monkeypatch.chdir(tmp_path)
    names = given(tmp_path) if any(block.why is None for block in found) else {}
    for block in found:
        code = compile("\n" * block.line + block.code, name, "exec")
        if block.why is None:
            exec(code, names)
