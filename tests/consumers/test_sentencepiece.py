"""A Unigram that is learned here is no worse than the one that SentencePiece learns from the same text."""

from pathlib import Path

from pairloom.operators.models.unigram.learning.deciding import learn_pieces
from tests.bench.bench_unigram import measures, of_sentencepiece, words_of

ROOT = Path(__file__).parents[2]


def test_held_out_text_takes_as_few_tokens_and_is_as_likely() -> None:
    lines = [
        line
        for path in sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("operators/**/*.py")])
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and "\u2581" not in line
    ]
    held = words_of(lines[::8])
    given = [line for i, line in enumerate(lines) if i % 8]
    ours, theirs = learn_pieces([words_of(given)], 2000), of_sentencepiece(given, 2000)
    assert len(ours.tokens) == len(theirs.tokens) == 2000
    for words in (words_of(given), held):
        (bytes_ours, nats_ours), (bytes_theirs, nats_theirs) = measures(ours, words), measures(theirs, words)
        assert bytes_ours > 0.995 * bytes_theirs
        assert nats_ours < 1.005 * nats_theirs
