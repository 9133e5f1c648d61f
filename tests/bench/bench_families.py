"""Families of tokenizers against their owner: python tests/bench/bench_families.py [FILE …] [--learned] [--text FILE] [--megabytes N].

FILE is a tokenizer.json, whose owner is `tokenizers`, a .model (`sentencepiece`), or a tekken.json (`tiktoken`); without one, the
`tokenizers` library learns small ones of each family from half of the text, and the other half is encoded. With `--learned`, every
family is learned here instead, in one task, with the seconds that takes, and the owner is the library with its `tokenizer.json`;
three have none that could take part. Roots and concepts are the most frequent words. TEXT is as of `bench_encode.py`. One thread;
all take turns, `--repeat` times; figures are medians of processor time in MB/s; gigatoken, where it is installed and takes the file,
in later passes. First pass: a new encoder. Later passes: the same encoder, same text. Tables: MB that they take once built, as
numpy counts them, but for those of the library.
"""

import argparse
import base64
import gc
import json
import os
import re
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pyarrow as pa
import tokenizers as owner

sys.path.insert(0, str(Path(__file__).parents[2]))

from pairloom.operators import Vocabulary, count_words
from pairloom.operators.encode import Tokenizer
from pairloom.operators.learners import LEARNERS, Target
from pairloom.operators.text.pretokenize import Pretokenizer
from tests.bench.bench_encode import documents, gigatoken_passes

_SPECIAL = ["<unk>", "<s>", "</s>"]
_LEAST_BYTES = 2_000_000  # of the library's turn: it takes a second


def wordpiece(texts: list[str]) -> Any:
    """A file like BERT's."""
    made = owner.Tokenizer(owner.models.WordPiece(unk_token="<unk>"))
    made.normalizer, made.pre_tokenizer = (
        owner.normalizers.BertNormalizer(),
        owner.pre_tokenizers.BertPreTokenizer(),
    )
    made.train_from_iterator(
        texts,
        owner.trainers.WordPieceTrainer(vocab_size=30_000, special_tokens=_SPECIAL, show_progress=False),
    )
    return made


def character_bpe(texts: list[str]) -> Any:
    """A file like Llama 2's."""
    made = owner.Tokenizer(owner.models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.pre_tokenizer = owner.pre_tokenizers.Metaspace()
    special = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    made.train_from_iterator(
        texts,
        owner.trainers.BpeTrainer(
            vocab_size=32_000, special_tokens=special, limit_alphabet=1000, show_progress=False
        ),
    )
    made.normalizer = owner.normalizers.Sequence(
        [owner.normalizers.Prepend("\u2581"), owner.normalizers.Replace(" ", "\u2581")]
    )
    return owner.Tokenizer.from_str(json.dumps(json.loads(made.to_str()) | {"pre_tokenizer": None}))


def unigram(texts: list[str]) -> Any:
    """A file like T5's, without its map of characters."""
    made = owner.Tokenizer(owner.models.Unigram())
    made.normalizer = owner.normalizers.Sequence(
        [owner.normalizers.NFKC(), owner.normalizers.Replace(owner.Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer = owner.pre_tokenizers.Metaspace()
    made.train_from_iterator(
        texts,
        owner.trainers.UnigramTrainer(
            vocab_size=32_000, special_tokens=_SPECIAL, unk_token="<unk>", show_progress=False
        ),
    )
    return made


def word_level(texts: list[str]) -> Any:
    """Whole words, without pieces."""
    made = owner.Tokenizer(owner.models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = owner.pre_tokenizers.Whitespace()
    made.train_from_iterator(
        texts,
        owner.trainers.WordLevelTrainer(vocab_size=32_000, special_tokens=_SPECIAL, show_progress=False),
    )
    return made


FAMILIES: dict[str, Callable[[list[str]], Any]] = {
    "WordPiece": wordpiece,
    "SentencePiece BPE": character_bpe,
    "Unigram": unigram,
    "WordLevel": word_level,
}


SIZES = {"code_points": 1 << 16, "sequential_bpe": 16_384, "characters": 8192}
# Files that no library opens; and whole texts are the words of the third, for which the library takes a time that grows faster
# than they do.
ALONE = {"roots", "typed", "equal_info"}
# What these learn from files is made of the text: so many words are roots or concepts, the base has so many tokens.
WORDS, BASE = 2000, 8000
WHOLE = {"equal_info": Pretokenizer(scheme="none")}


def keys(name: str, texts: list[str], folder: Path) -> dict[str, Any]:
    """Keys of a family, and the files that they name."""
    if name not in ("roots", "typed"):
        return {}
    counts = Counter(word for text in texts for word in re.findall("[a-z]{4,}", text))
    often = [word for word, _ in counts.most_common(WORDS)]
    if name == "roots":
        (folder / "roots.txt").write_text("".join(f"{word}\n" for word in often))
        (folder / "affixes.txt").write_text("s\ned\ning\ner\nly\n")
        return {"roots": str(folder / "roots.txt"), "affixes": str(folder / "affixes.txt")}
    (folder / "concepts.tsv").write_text("".join(f"{word}\tword\n" for word in often))
    learned("bpe", texts, folder, BASE)[0].save(folder / "base.json")
    return {"base": str(folder / "base.json"), "concepts": str(folder / "concepts.tsv")}


def learned(name: str, texts: list[str], folder: Path, size: int | None = None) -> tuple[Vocabulary, float]:
    """A vocabulary of a family, and the seconds that learning takes, without counting."""
    learner = LEARNERS.get(name)(**keys(name, texts, folder))
    special = ("[UNK]",) if name == "wordpiece" else ("<|endoftext|>",)
    target = Target(
        size=size or SIZES.get(name, 32_000),
        special_tokens=special,
        pretokenizer=WHOLE.get(name, Pretokenizer()),
    )
    words = count_words(pa.array(texts, pa.large_string()), learner.cutter(target))
    start = time.process_time()
    return learner.learn(words, target), time.process_time() - start


def seconds(call: Callable[[], Any]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def of_library(theirs: Any) -> Callable[[list[str]], Any]:
    """What encodes texts by `tokenizers`, special tokens as text."""
    theirs.encode_special_tokens = True
    theirs.no_truncation()
    return lambda texts: theirs.encode_batch_fast(texts, add_special_tokens=False)


def of_sentencepiece(data: bytes) -> Callable[[list[str]], Any]:
    """What encodes texts by `sentencepiece`."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_proto=data)
    return lambda texts: model.encode(texts, num_threads=1)


def of_tiktoken(document: dict[str, Any]) -> Callable[[list[str]], Any]:
    """What encodes texts by `tiktoken`, with the ranks of a tekken.json."""
    import tiktoken

    config = document["config"]
    entries = document["vocab"][: config["default_vocab_size"] - config["default_num_special_tokens"]]
    ranks = {base64.b64decode(one["token_bytes"]): one["rank"] for one in entries}
    model = tiktoken.Encoding("bench", pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={})
    return lambda texts: model.encode_ordinary_batch(texts, num_threads=1)


def of_owner(data: bytes) -> Callable[[list[str]], Any]:
    """What encodes texts by the library that a file is of."""
    if data[:1] != b"{":
        return of_sentencepiece(data)
    document = json.loads(data)
    return (
        of_tiktoken(document)
        if "model" not in document
        else of_library(owner.Tokenizer.from_str(data.decode()))
    )


def of_gigatoken(data: bytes, texts: list[str]) -> Callable[[], Any] | None:
    """What encodes the texts by `gigatoken`; None for a file that it does not take, or without the package."""
    if data[:1] != b"{" or find_spec("gigatoken") is None:
        return None
    try:
        return gigatoken_passes(texts, data)
    except Exception as error:  # noqa: BLE001 - of any class, its own among them
        print("gigatoken does not take the next file:", str(error).split("\n")[0])
        return None


def table_bytes(tokenizer: Tokenizer) -> int:
    """Bytes of the arrays of a tokenizer's tables."""
    gc.collect()
    tracemalloc.start()
    tables = tokenizer.vocabulary.model.compiled(tokenizer.vocabulary)
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert tables is not None
    return size


def compare(
    name: str, data: bytes, theirs: Callable[[list[str]], Any] | None, texts: list[str], repeat: int
) -> None:
    """Print a line of the table; without an owner, speed alone."""
    vocabulary = Vocabulary.from_json(data)
    tokenizer, column = Tokenizer(vocabulary), pa.array(texts, pa.large_string())
    size = sum(len(text.encode()) for text in texts)
    few, taken = 0, 0
    while few < len(texts) and taken < _LEAST_BYTES:
        taken += len(texts[few].encode())
        few += 1
    encoder = tokenizer.encoder()
    tokenizer.encode_column(column.slice(0, 1), encoder=encoder)
    first, later, library, other = [], [], [], []
    peer = None if theirs is None else of_gigatoken(data, texts)
    if peer is not None:
        peer()
    for _ in range(repeat):
        encoder = tokenizer.encoder()
        first.append(size / seconds(lambda: tokenizer.encode_column(column, encoder=encoder)) / 1e6)  # noqa: B023
        if theirs is not None:
            library.append(taken / seconds(lambda: theirs(texts[:few])) / 1e6)
        if peer is not None:
            other.append(size / seconds(peer) / 1e6)
        later.append(size / seconds(lambda: tokenizer.encode_column(column, encoder=encoder)) / 1e6)  # noqa: B023
    figures = [statistics.median(one) for one in (first, later)]
    of_owner = statistics.median(library) if library else None
    by_owner = f"{'-':>9}" if of_owner is None else f"{of_owner:9.1f}"
    ratio = f"{'-':>7}  " if of_owner is None else f"{figures[1] / of_owner:7.1f} x"
    tokens = len(tokenizer.encode_column(column, encoder=encoder).ids.flatten())
    giga = f"{statistics.median(other):9.1f}" if other else f"{'-':>9}"
    path = vocabulary.slow_path or f"kernels ({vocabulary.model.name})"
    print(
        f"{name:28} {by_owner} {giga} {figures[0]:9.1f} {figures[1]:9.1f} {ratio} {table_bytes(tokenizer) / 1e6:7.1f} "
        f"{size / tokens:7.2f}  {path}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--learned", action="store_true")
    parser.add_argument("--text", type=Path)
    parser.add_argument("--megabytes", type=float, default=8.0)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    texts = documents(options.text, int(options.megabytes * 2e6))
    half = len(texts) // 2
    print(
        f"{'':28} {'owner':>9} {'gigatoken':>9} {'first':>9} {'later':>9} {'ratio':>9} {'tables':>7} {'B/token':>7}"
    )
    for file in options.files:
        data = file.read_bytes()
        compare(file.name[-28:], data, of_owner(data), texts[half:], options.repeat)
    for name in LEARNERS.names() if options.learned else ():
        with tempfile.TemporaryDirectory() as folder:
            made, took = learned(name, texts[:half], Path(folder))
        data = made.to_json()
        theirs = None if name in ALONE else of_library(owner.Tokenizer.from_str(data.decode()))
        compare(f"{name} ({took:.1f} s)", data, theirs, texts[half:], options.repeat)
    for name, learn in FAMILIES.items() if not options.files and not options.learned else ():
        made = learn(texts[:half])
        compare(name, made.to_str().encode(), of_library(made), texts[half:], options.repeat)


if __name__ == "__main__":
    main()
