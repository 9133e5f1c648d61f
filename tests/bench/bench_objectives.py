"""Row steps in the loader: python tests/bench/bench_objectives.py [--rows N] [--seq-len N] [--repeat N].

Rows a second of one core that each step takes, in batches of 1,024 rows of three documents; beside them the collators of
`transformers`, where it is installed. Everything is compiled before the clock starts; medians of `--repeat`.
"""

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairloom.operators.layouts import LAYOUTS, RowStep
from pairloom.operators.schema import DOCUMENT, INPUT_IDS, SEGMENT_LENGTHS, Column, row_field

SENTINELS = tuple(f"<extra_id_{i}>" for i in range(300))
SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[MASK]", "</s>", "[R]", "[S]", "[X]", "<landmark>", *SENTINELS)
KEYS: dict[str, list[dict[str, Any]]] = {
    "masked_lm": [{}, {"unit": "word"}, {"unit": "span"}],
    "electra": [{}, {"pairs": True}],
    "ernie_gram": [{"lexicon": "LEXICON"}, {"lexicon": "LEXICON", "mode": "contiguous"}],
    "hashed_features": [{"columns_of_documents": ("lang",)}],
    "span_corruption": [{}, {"denoisers": "ul2", "sentinels": 300}],
}

SQUARE = ("attention", "decoder_visible", "bag_of_words")  # made for a few rows at a time


class Words:
    """A vocabulary of 30,000 tokens: of words, of what goes on with them, of full stops."""

    def __init__(self) -> None:
        made = (
            f"{' ' * (i % 3 == 0)}{'.' if i % 19 == 0 else ''}t{i}{'.' * (i % 17 == 0)}"
            for i in range(30_000)
        )
        self.special_tokens = self.reserved_tokens = SPECIAL
        self.special_ids = self.reserved_ids = tuple(range(len(SPECIAL)))
        self.tokens = (*(token.encode() for token in SPECIAL), *(token.encode() for token in made))

    def __len__(self) -> int:
        return len(self.tokens)

    def special_id(self, token: str) -> int:
        return SPECIAL.index(token)


def rows_of(words: Words, rows: int, seq_len: int) -> pa.RecordBatch:
    """Random rows of three documents, with columns that some steps read."""
    rng = np.random.default_rng(0)
    ids = rng.integers(len(SPECIAL), len(words), (rows, seq_len), dtype=np.uint16)
    third = seq_len // 3
    lengths = pa.array([[third, third, seq_len - 2 * third]] * rows, pa.list_(pa.int32()))
    entity = (rng.random((rows, seq_len)) < 0.2).astype(np.uint8)
    columns = [
        pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), seq_len) for values in (ids, entity)
    ]
    lang = Column(name="lang", dtype=np.dtype(np.int32), of="document", doc="one of forty", null=-1)
    found = pa.record_batch(
        [columns[0], lengths, lengths, columns[1]], names=[INPUT_IDS, SEGMENT_LENGTHS, DOCUMENT, "entity"]
    )
    values = pa.array(rng.integers(0, 40, 3 * rows).reshape(-1, 3).tolist(), pa.list_(pa.int32()))
    return found.append_column(row_field(lang, seq_len), values)


def seconds(work: Callable[[], object], repeat: int) -> float:
    """The median time of processor that something takes; once before, to be compiled."""
    work()
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def ours(lexicon: Path) -> Iterator[tuple[str, RowStep]]:
    """Every row step, by its name and keys."""
    for name in LAYOUTS.names():
        if name == "aligned_rows":  # what it takes is encoding text, which `bench_encode.py` measures
            continue
        for keys in KEYS.get(name, [{}]):
            said = ", ".join(f"{key}: {value}" for key, value in keys.items())
            there = {key: str(lexicon) if value == "LEXICON" else value for key, value in keys.items()}
            yield f"{name} {{{said}}}", LAYOUTS.get(name)(**there)


def theirs(words: Words, ids: np.ndarray) -> Iterator[tuple[str, Callable[[], object]]]:
    """The collators of transformers, over lists of tensors as a DataLoader hands them."""
    try:
        import torch
        from transformers import (
            BertTokenizer,
            DataCollatorForLanguageModeling,
            DataCollatorForWholeWordMask,
        )
    except ImportError:
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vocab.txt"
        file.write_text("\n".join([*(token.decode() for token in words.tokens), "[UNK]"]), encoding="utf-8")
        tokenizer = BertTokenizer(str(file))
    examples = [{"input_ids": torch.from_numpy(row.astype(np.int64))} for row in ids]
    plain = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    yield "transformers DataCollatorForLanguageModeling", lambda: plain(examples)
    whole = DataCollatorForWholeWordMask(tokenizer, mlm_probability=0.15)
    some = examples[: max(1, len(examples) // 16)]
    yield f"transformers DataCollatorForWholeWordMask ({len(some)} rows)", lambda: whole(some)


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--seq-len", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    words = Words()
    rows = rows_of(words, options.rows, options.seq_len)
    ids = rows.column(INPUT_IDS).flatten().to_numpy().reshape(options.rows, -1)
    with tempfile.TemporaryDirectory() as folder:
        # 300,000 n-grams, of which rows have about 20,000.
        there = ids[:, : 3 * (options.seq_len // 3)].reshape(-1, 3)[:20_000]
        others = np.random.default_rng(1).integers(len(SPECIAL), len(words), (280_000, 3))
        unique = [list(ngram) for ngram in dict.fromkeys(map(tuple, [*there.tolist(), *others.tolist()]))]
        pq.write_table(
            pa.table({"ngram": unique, "count": [1] * len(unique)}), Path(folder) / "lexicon.parquet"
        )
        for name, step in ours(Path(folder) / "lexicon.parquet"):
            tables = step.prepare(words)
            taken = seconds(lambda step=step, tables=tables: step(rows, 1, 0, 0, tables), options.repeat)
            print(f"{options.rows / taken:12,.0f} rows/s  {name}", flush=True)
            made = step(rows, 1, 0, 0, tables)
            for late in step.late:
                if late in SQUARE:
                    continue
                built = functools.partial(step.built, late, made, tables)
                taken = seconds(built, options.repeat)
                print(f"{options.rows / taken:12,.0f} rows/s  {name}: {late}, late", flush=True)
    for name, work in theirs(words, ids):
        count = options.rows if "rows)" not in name else max(1, options.rows // 16)
        print(f"{count / seconds(work, options.repeat):12,.0f} rows/s  {name}", flush=True)


if __name__ == "__main__":
    main()
