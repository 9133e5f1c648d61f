"""Small corpora that tests generate: text with everything in it that has ever gone wrong."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from pairloom.pipeline import Dataset, Recipe, parse_recipe
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import Objects

WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it's",
    "we'll",
    "don't",
    "1234567",
    "3.14",
    "def",
    "return",
    "self.x",
    "=",
    "[]",
    "{}",
    "naïve",
    "façade",
    "Straße",
    "日本語",
    "한국어",
    "ไทย",
    "русский",
    "العربية",
    "😀",
    "👩\u200d👩\u200d👧",
    "é",
    "\xa0",
    "\u2028",
    "\t",
    "\r\n",
    "\n\n",
    "",
    "",
    "",
    "<|endoftext|>",
    "a",
    "aa",
    "aaa",
    "aaaa",
]


def documents(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Documents with ids, some empty, some of one character, some long."""
    rng = random.Random(seed)
    made = []
    for i in range(count):
        length = rng.choice([0, 1, 3, 20, 60, 200])
        made.append((f"doc-{i}", " ".join(rng.choice(WORDS) for _ in range(length))))
    return made


def write_jsonl(path: Path, corpus: list[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for name, text in corpus:
            file.write(json.dumps({"id": name, "text": text}, ensure_ascii=len(name) % 2 == 0) + "\n")


def recipe_for(folder: Path, *settings: str, root: Path | None = None) -> Recipe:
    """A recipe over everything in `folder/in`, small enough for a test, in this process."""
    text = f"""
root: {root or folder / "out"}
corpus:
  - name: lines
    paths: ["{folder}/in/*"]
    id: id
vocabulary: {{size: 400}}
pack: {{seq_len: 64, validation: 0.1}}
execution: {{engine: local}}
"""
    return parse_recipe(text, overrides=settings)


def mixed_recipe_for(
    folder: Path, asked: dict[str, dict[str, Any]], *settings: str, root: Path | None = None
) -> Recipe:
    """A recipe over a source for each folder `folder/<name>`, of which so much is asked."""
    sources = [{"name": name, "paths": [f"{folder}/{name}/*"], "id": "id"} | of for name, of in asked.items()]
    return recipe_for(folder, f"corpus={json.dumps(sources)}", *settings, root=root)


def copies_of(dataset: Dataset, split: str) -> Counter[int]:
    """How often each document begins in the rows of a split, by its number."""
    if not dataset.files("pack", split):
        return Counter()
    return Counter(
        document
        for row in rows_of(dataset, split)
        for document, offset in zip(row["document"], row["offset"], strict=True)
        if offset == 0
    )


def contents(manifest: Manifest) -> dict[str, list[tuple[str, str]]]:
    """What every committed file of a generation holds; attempt names may differ, this may not."""
    return {name: [(f.role, f.sha256) for f in stage.files] for name, stage in manifest.stages.items()}


def rows_of(dataset: Dataset, split: str = "train") -> list[dict[str, Any]]:
    return [row for batch in dataset.batches(split) for row in batch.to_pylist()]


def texts_of(dataset: Dataset, appended: int = 1, repeated: int = 0) -> dict[int, bytes]:
    """Every document of a packed dataset by its number, decoded from its segments, without the appended tokens.

    A segment that goes on with a document begins with its last `repeated` tokens.
    """
    parts: dict[int, dict[int, list[int]]] = {}
    for split in ("train", "validation"):
        for row in rows_of(dataset, split):
            at = 0
            for length, document, offset in zip(
                row["segment_lengths"], row["document"], row["offset"], strict=True
            ):
                segment, known = row["input_ids"][at : at + length], parts.setdefault(document, {})
                # A single token at the end of a row may be repeated as the first of a longer segment.
                assert offset not in known or (repeated and 1 in (len(known[offset]), length))
                known[offset] = max(segment, known.get(offset, []), key=len)
                at += length
    vocabulary = dataset.vocabulary()
    out = {}
    for document, segments in parts.items():
        ids: list[int] = []
        for offset in sorted(segments):
            assert offset == max(0, len(ids) - repeated)
            ids = ids[:offset] + segments[offset]
        out[document] = vocabulary.decode(ids[: len(ids) - appended])
    return out


def open_objects_of(root: Path) -> Objects:
    return open_objects(str(root))
