"""What fields of records cost beside their text: two more of them, columns, and `where` on a number.

    python tests/bench/bench_fields.py [--megabytes 96] [--rounds 9] [--document 2000]

The same JSON lines are read with each, in turn, by the reader alone and with what a run does then, which is to sum and encode
their texts. Figures are medians of processor time as ratios to the text alone, of the same round; compiled before.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from pydoc_data.topics import topics

import pairloom
from pairloom.operators.attributes import Attribute
from pairloom.operators.encode import Tokenizer
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

FIELDS = {
    "text alone": Fields(),
    "two more fields": Fields(extra=("lang", "url")),
    "two columns": Fields(
        attributes=(
            Attribute(name="lang", field="lang", type="string"),
            Attribute(name="score", field="score", type="float32"),
        )
    ),
    "where, all are kept": Fields(where="score >= 0"),
    "where, nine of ten are kept": Fields(where="score >= 0.1"),
    "where, half is kept": Fields(where="score >= 0.5"),
}


def write(path, size, document):
    raw = "".join(topics.values())
    with path.open("w", encoding="utf-8") as file:
        for i in range(size // document):
            at = i * 7919 % (len(raw) - 2 * document)
            record = {"url": f"https://example.org/pages/{i}", "lang": ("en", "de", "fr")[i % 3]}
            record |= {"text": raw[at : at + document // 2 + i % document], "score": i * 7919 % 1000 / 1000}
            file.write(json.dumps(record) + "\n")


def units(path, fields):
    source = CorpusSource(name="bench", paths=(str(path),))
    return [replace(unit, fields=fields) for unit in plan_units(source, list_inputs(source), 1 << 40)]


def reads(path, fields):
    for unit in units(path, fields):
        for piece in unit.slices:
            for batch in read(piece, fields, Limits()):
                del batch


def encodes(path, fields, tokenizer):
    for unit in units(path, fields):
        for batch in Intake(unit, 1 << 30).documents():
            tokenizer.encode_column(batch.content)


def measured(works, rounds):
    taken = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            begun = time.process_time()
            work()
            if number:
                taken[name].append(time.process_time() - begun)
    return taken


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=96)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--document", type=int, default=2000, help="characters, on average")
    asked = parser.parse_args()
    tokenizer = Tokenizer(pairloom.learn(list(topics.values()), 8192)).prepared()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fields.jsonl")
        write(path, int(asked.megabytes * 1e6), asked.document)
        size = path.stat().st_size / 1e6
        for title, work in {
            "reader": lambda fields: reads(path, fields),
            "reading and encoding": lambda fields: encodes(path, fields, tokenizer),
        }.items():
            works = {name: lambda work=work, fields=fields: work(fields) for name, fields in FIELDS.items()}
            taken = measured(works, asked.rounds)
            base = taken["text alone"]
            for name, seconds in taken.items():
                ratio = statistics.median(one / other for one, other in zip(seconds, base, strict=True))
                rate = size / statistics.median(seconds)
                print(f"{title:21} {name:28} {rate:6.0f} MB/s   {100 * ratio - 100:+5.1f} %", flush=True)


if __name__ == "__main__":
    main()
