"""What domain and character-level BPE of KL3M claim (C08), on generated text."""

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.counts import WordCounts
from pairloom.operators.learners import Shape
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize.chunks import RandomChunks, RandomSpaces
from pairloom.pipeline.recipe.cutting import Supertokens

SYLLABLES = [a + b for a in "bcdfglmnprst" for b in "aeiou"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def legal(seed: int, documents: int = 300) -> list[str]:
    """Text of few words of one field, with citations, years and numbers."""
    words = random.Random(1)
    terms = ["".join(words.choices(SYLLABLES, k=words.randint(2, 5))) for _ in range(150)]
    rng = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(terms))]
    out = []
    for _ in range(documents):
        text = " ".join(rng.choices(terms, weights, k=40))
        out.append(f"{text}, {rng.randint(1, 400)} F.3d {rng.randint(10, 999)} ({rng.randint(1776, 2049)}).")
    return out


def general(seed: int, documents: int = 300) -> list[str]:
    """Text of many words, of all syllables."""
    rng = random.Random(seed)
    return [
        " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(40))
        for _ in range(documents)
    ]


def counts_of(texts: list[str]) -> WordCounts:
    return count_words(pa.array(texts), Pretokenizer())


def tokens_of(vocabulary: Vocabulary, texts: list[str]) -> int:
    return len(vocabulary.encode(pa.array(texts)).values)


def ends(vocabulary: Vocabulary, text: str) -> set[int]:
    return set(np.cumsum([len(vocabulary.tokens[i]) for i in vocabulary.encode_one(text)]).tolist())


def noisy(text: str, share: float, rng: random.Random) -> str:
    """As a machine reads bad print: letters become others, and none is lost."""
    return "".join(rng.choice(LETTERS) if one.isalpha() and rng.random() < share else one for one in text)


def agreement(vocabulary: Vocabulary, texts: list[str]) -> float:
    """The share of boundaries that clean and noisy text have in common."""
    rng = random.Random(3)
    both = either = 0
    for text in texts:
        clean, bad = ends(vocabulary, text), ends(vocabulary, noisy(text, 0.08, rng))
        both, either = both + len(clean & bad), either + len(clean | bad)
    return both / either


def test_short_tokens_keep_their_boundaries_in_noisy_text() -> None:
    counts = counts_of(legal(0))
    short = learn_bpe(counts, 900, max_token_length=4)
    plain = learn_bpe(counts, 900)
    assert max(len(token) for token in short.tokens) == 3
    held = legal(9, 40)
    assert agreement(short, held) > agreement(plain, held) + 0.05


def test_a_vocabulary_of_the_field_takes_fewer_tokens_of_it() -> None:
    own, other = learn_bpe(counts_of(legal(0)), 700), learn_bpe(counts_of(general(0)), 700)
    held = legal(9, 40)
    assert tokens_of(own, held) < 0.91 * tokens_of(other, held)
    assert tokens_of(own, general(9, 40)) > tokens_of(other, general(9, 40))


def test_controlled_tokens_and_a_power_of_two() -> None:
    """Years, numbers in brackets, runs of spaces, markup: each is one token, and all of them together are 1,024."""
    controlled = [
        *(" " * n for n in range(2, 9)),
        *(str(year) for year in range(1976, 2050)),
        *("</p>", "<div", "**", "://", '":', "![", " U.S.C.", " F.3d"),
    ]
    fillers = tuple(unit * n for n in range(2, 500) for unit in (" ", "\n"))
    vocabulary = learn_bpe(
        counts_of(legal(0)),
        700,
        special_tokens=("<|start|>", "<|end|>", "<|pad|>"),
        pretokenizer=Pretokenizer(scheme="none"),
        min_count=10,
        shape=Shape(required=tuple(controlled), fillers=fillers),
    )
    assert len(vocabulary) == 1024
    assert len(set(vocabulary.tokens)) == 1024
    for token in controlled:
        assert [vocabulary.tokens[i] for i in vocabulary.encode_one(token)] == [token.encode()], token
    text = "  <div 2049   **U.S.C.\n\n\n"
    assert vocabulary.decode(vocabulary.encode_one(text)).decode() == text


@pytest.mark.parametrize("seed", [0, 7])
def test_random_chunks_of_two_to_five_characters_are_all_alike_and_tile_the_text(seed: int) -> None:
    texts = [text + "é字" for text in legal(2, 100)]
    text = text_of(pa.array(texts, pa.large_string()))
    chunks = RandomChunks(seed=seed, lengths=((2, 5, 1.0),))
    edges = np.concatenate([text.offsets[:1], *(block.copy() for _, block in chunks.blocks(text))])
    data = text.data.tobytes()
    pieces = [data[low:high].decode() for low, high in zip(edges[:-1], edges[1:], strict=True)]
    assert "".join(pieces) == "".join(texts)
    found = Counter(map(len, pieces))
    assert max(found) == 5
    whole = sum(found[n] for n in (2, 3, 4, 5))
    # Chi-square with 3 degrees of freedom, of which 1 in 10^5 draws are more than 25.9; ends of texts are few.
    assert sum((found[n] - whole / 4) ** 2 / (whole / 4) for n in (2, 3, 4, 5)) < 25.9 + len(texts) / 4
    assert found[1] <= len(texts)


def test_white_space_is_cut_at_as_often_as_it_is_said() -> None:
    texts = ["", *(f" {text}\t\nx  y \u00a0z" for text in legal(2, 120)), "one"]
    text = text_of(pa.array(texts, pa.large_string()))

    def pieces(cut: RandomSpaces) -> list[str]:
        data, out, at = text.data.tobytes(), [], 0
        for start, ends in cut.blocks(text):
            assert start == at
            for end in ends.tolist():
                out.append(data[at:end].decode())
                at = end
        assert "".join(out) == "".join(texts)
        return out

    words, found = pieces(RandomSpaces(share=1.0)), pieces(RandomSpaces(seed=4, share=0.3))
    assert words == [word for one in texts for word in Pretokenizer(scheme="whitespace").split_text(one)]
    inside, expected = len(words) - len(texts) + 1, len(found) - len(texts) + 1  # ends of texts are no draws
    assert abs(expected - 0.3 * inside) < 5 * (0.21 * inside) ** 0.5
    assert found == pieces(RandomSpaces(seed=4, share=0.3)) != pieces(RandomSpaces(seed=5, share=0.3))
    learned = learn_bpe(
        count_words(pa.array(texts), RandomSpaces(seed=4)), 600, pretokenizer=Pretokenizer(scheme="none")
    )
    assert any(b" " in token.strip() for token in learned.tokens)
    with pytest.raises(ValueError, match="above 0 and up to 1, not 0"):
        RandomSpaces(share=0.0)


def test_a_recipe_says_at_which_share_of_white_space() -> None:
    found = Supertokens.model_validate({"seed": 3, "spaces": 0.3})
    assert found.build() == RandomSpaces(seed=3, share=0.3)
    assert Supertokens.model_validate(found.model_dump()).build() == found.build()
    with pytest.raises(ValueError, match="by lengths or at spaces: choose one"):
        Supertokens.model_validate({"spaces": 0.3, "lengths": [[2, 5, 1.0]]})
