"""What comparing rows with what was written costs a loader: `python tests/bench/bench_compare.py [documents]`.

Prints rows a second with and without, in turns, and the median share that comparing takes.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from pairloom.pipeline import open_dataset, run
from tests.support.corpora import documents, recipe_for, write_jsonl

ROUNDS = 5
EPOCHS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_jsonl(folder / "in" / "a.jsonl", documents(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000))
        recipe = recipe_for(folder, "pack.seq_len=512")
        run(recipe)
        shares = []
        for _ in range(ROUNDS):
            seconds = {}
            for compare in (True, False):
                loader = open_dataset(recipe.root, compare=compare).loader(16, epochs=EPOCHS)
                begun = time.perf_counter()
                rows = sum(len(batch) for batch in loader)
                seconds[compare] = time.perf_counter() - begun
            print(f"{rows / seconds[True]:,.0f} rows/s compared, {rows / seconds[False]:,.0f} not")
            shares.append(1 - seconds[False] / seconds[True])
        print(f"comparing takes {statistics.median(shares):.1%}")


if __name__ == "__main__":
    main()
