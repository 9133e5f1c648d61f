"""A corpus of which a few files change."""

import json
from itertools import islice

from tests.bench import texts
from tests.bench.bench_retokenize import change, write
from tests.bench.measures.sitting import Sitting, Table

__all__ = ["following"]


def following(sitting: Sitting) -> Table:
    """A corpus of which a few files change."""
    documents = list(islice(texts.library(), 500))
    inputs = sitting.folder / "changing"
    inputs.mkdir()
    size, files = 85_000, 1000
    for number in range(files):
        write(inputs / f"{number:05}.jsonl", documents, size, number)
    stored = sum(path.stat().st_size for path in inputs.iterdir())
    recipe = sitting.recipe(
        f"{inputs}/*.jsonl",
        pack={"shuffle": {"mode": "block", "groups": 256}, "file_tokens": 1 << 20},
        execution={"unit_bytes": "100kB"},
    )
    data = json.loads(recipe.read_text())
    del data["corpus"][0]["id"]
    recipe.write_text(json.dumps(data))
    first = sitting.command("run", recipe)
    change(inputs, documents, size, 10)
    again = sitting.command("retokenize", recipe)
    nothing = sitting.command("retokenize", recipe, "--if-changed")
    return Table(
        title="Following a corpus",
        says=f"{files:,} files, {stored / 1e6:.0f} MB, of which ten change; commands from start to end, taken once.",
        head=("", "seconds", "of a run from nothing"),
        rows=[
            ("`pairloom run`", f"{first:.2f}", ""),
            ("`pairloom retokenize`", f"{again:.2f}", f"{again / first:.2f}"),
            ("`pairloom retokenize --if-changed`, nothing has", f"{nothing:.2f}", f"{nothing / first:.2f}"),
        ],
    )
