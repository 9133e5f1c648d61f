"""Learning a Unigram beside `spm_train`: python tests/bench/bench_unigram.py FILE [--size N] [--megabytes N] [--repeat N].

FILE is lines of text, of which every eighth is held out. Both learn from the others: characters as they are, `--size` pieces, one
thread, in turn. Prints the processor time of each, bytes a token, and the log-likelihood of a byte over all ways to spell it.
"""

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import sentencepiece

from pairloom.operators.counts import WordCounts, count_words
from pairloom.operators.models.unigram.learning.asking import Question, answered
from pairloom.operators.models.unigram.learning.deciding import learn_pieces
from pairloom.operators.models.unigram.learning.pieces import Learned
from pairloom.operators.text.pretokenize.marker import BeforeSpaces
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["measures", "of_sentencepiece"]


def words_of(lines: list[str]) -> WordCounts:
    """The words that both learn from."""
    return count_words(pa.array(lines, pa.large_string()), BeforeSpaces())


def of_sentencepiece(lines: list[str], size: int) -> Learned:
    """What `spm_train` learns: as many pieces, besides its special ones."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=size + 3,
        model_type="unigram",
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        max_sentence_length=1 << 30,
        num_threads=1,
        minloglevel=2,
    )
    read = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [
        (read.id_to_piece(i).replace("\u2581", " ").encode(), read.get_score(i))
        for i in range(read.get_piece_size())
        if not (read.is_unknown(i) or read.is_control(i))
    ]
    return Learned(
        tokens=TokenTable.of([piece for piece, _ in pieces]), scores=np.array([score for _, score in pieces])
    )


def measures(learned: Learned, words: WordCounts) -> tuple[float, float]:
    """Bytes a token, and nats a byte, of words that are spelled by pieces."""
    given = {"tokens": learned.tokens, "scores": learned.scores, "bits": 20}
    tokens = answered(Question(**given, best=True), [words]).total
    lost = answered(Question(**given, best=False), [words]).total * 16 / 2**20
    return words.bytes / tokens, lost / words.bytes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", type=int, default=8000)
    parser.add_argument("--megabytes", type=float, default=5.0)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    data = given.file.read_bytes()[: int(given.megabytes * 1e6)]
    lines = [line for line in data.decode(errors="ignore").replace("\r", " ").split("\n") if line.strip()]
    held = words_of(lines[::8])
    lines = [line for i, line in enumerate(lines) if i % 8]
    learn_pieces([words_of(lines[:100])], 300)
    seconds: dict[str, list[float]] = {"pairloom": [], "spm_train": []}
    learned = {}
    for _ in range(given.repeat):
        begun = time.process_time()
        learned["pairloom"] = learn_pieces([words_of(lines)], given.size)
        seconds["pairloom"].append(time.process_time() - begun)
        begun = time.process_time()
        learned["spm_train"] = of_sentencepiece(lines, given.size)
        seconds["spm_train"].append(time.process_time() - begun)
    for name, found in learned.items():
        of_text, nats = measures(found, held)
        print(
            f"{name:10} {statistics.median(seconds[name]):8.2f} s, held-out text: {of_text:.4f} bytes a token, "
            f"{nats:.5f} nats a byte"
        )


if __name__ == "__main__":
    main()
