"""Peers that run in a process of their own: python tests/bench/peers.py NAME VOCABULARY TEXT.jsonl FOLDER; prints seconds.

gigatoken    encode_files: tokens in memory, and nothing else
datatrove    JsonlReader and DocumentTokenizer with a worker for each processor: tokens on disk, in the order of the text
tokenizers   encode_batch_fast with a thread for each processor: tokens in memory
"""

import json
import os
import sys
import time
from pathlib import Path


def gigatoken(vocabulary: str, text: str, _folder: str) -> float:
    import gigatoken as peer

    tokenizer = peer.Tokenizer.from_json(Path(vocabulary).read_bytes())
    source = peer.JsonlFileSource([text], field="text")
    start = time.perf_counter()
    tokenizer.encode_files(source)
    return time.perf_counter() - start


def datatrove(vocabulary: str, text: str, folder: str) -> float:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    workers = os.cpu_count() or 1
    parts = Path(folder, "parts")
    parts.mkdir()
    files = [(parts / f"{number}.jsonl").open("wb") for number in range(workers)]
    with Path(text).open("rb") as lines:
        for number, line in enumerate(lines):
            files[number % workers].write(line)
    for file in files:
        file.close()
    pipeline = [
        JsonlReader(str(parts)),
        DocumentTokenizer(
            output_folder=f"{folder}/out", tokenizer_name_or_path=vocabulary, eos_token="<|endoftext|>"
        ),
    ]
    start = time.perf_counter()
    LocalPipelineExecutor(pipeline, tasks=workers, workers=workers, logging_dir=f"{folder}/log").run()
    return time.perf_counter() - start


def tokenizers(vocabulary: str, text: str, _folder: str) -> float:
    import tokenizers as peer

    tokenizer = peer.Tokenizer.from_file(vocabulary)
    with Path(text).open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    start = time.perf_counter()
    tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return time.perf_counter() - start


def main() -> None:
    peer = {"gigatoken": gigatoken, "datatrove": datatrove, "tokenizers": tokenizers}[sys.argv[1]]
    try:
        print("\nseconds", peer(*sys.argv[2:]))
    except ImportError as error:  # of datatrove a part that it needs for this
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        print("not installed")


if __name__ == "__main__":
    main()
