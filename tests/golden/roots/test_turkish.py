"""Turkish by the dictionaries of `turkish-tokenizer` (C14), wherever these are there."""

import random
from collections import Counter

import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.evaluate.morphology import morphology_facts
from pairloom.operators.learners import Target
from pairloom.operators.models.roots import RootLexicon, learn_roots
from tests.golden.roots.turkish import is_there, lexicon, surfaces

pytestmark = [
    pytest.mark.rare("operators/models/roots", "operators/evaluate", "tests/golden/roots"),
    pytest.mark.skipif(not is_there(), reason="the package is not there: make golden"),
]

# Written for this test.
TEXT = (
    "Çocuklar okuldan eve döndüler ve kitaplarını masaya koydular. Annesi mutfakta yemek yapıyordu. Akşam babaları geldi, "
    "birlikte bahçede oturdular. Ağaçların yaprakları sararmıştı, rüzgâr hafifçe esiyordu. Kardeşi kitabı açtı ve okumaya "
    "başladı. Şehrin ışıkları uzaktan görünüyordu. Yarın sabah erkenden yola çıkacaklar, köydeki akrabalarını görecekler."
)


@pytest.fixture(scope="module")
def words() -> RootLexicon:
    return lexicon()


@pytest.fixture(scope="module")
def vocabulary(words: RootLexicon) -> Vocabulary:
    counts = count_words(pa.array([TEXT]), Pretokenizer(scheme="whitespace"))
    return learn_roots(counts, Target(size=32_768), words)


def test_forms_share_ids_as_in_the_package(words: RootLexicon) -> None:
    roots, affixes = surfaces()
    assert (len(roots), len(set(roots.values()))) == (22_231, 20_000)
    assert (len(affixes), len(set(affixes.values()))) == (361, 256)
    assert len(words.roots) > 19_000
    several = [line for line in (*words.roots, *words.affixes) if len(words.forms(line)) > 1]
    assert len(several) > 2_200


def test_a_root_has_one_id_in_all_its_forms(vocabulary: Vocabulary, words: RootLexicon) -> None:
    def first(text: str) -> bytes:
        return vocabulary.tokens[vocabulary.encode_one(text)[0]]

    for form in ("kitap", "kitapları", "kitabı", "kitaplarından", "kitaba"):
        assert first(form) == b"kitap", form
    softened = [line.split() for line in words.roots if "b@before" in line]
    same = [
        first(soft.partition("@")[0] + ending) == first(hard) for soft, hard in softened for ending in "ıiuü"
    ]
    assert len(softened) > 100
    assert sum(same) > 0.2 * len(
        same
    )  # one of four endings goes with the vowels; longer roots begin with some, too


def test_every_inflection_comes_back(vocabulary: Vocabulary, words: RootLexicon) -> None:
    """All forms of all roots, each with some affixes, in small letters, with a capital, and in capitals."""
    rng = random.Random(0)
    endings = [form.text for line in words.affixes for form in words.forms(line)]
    texts = []
    for line in words.roots:
        for form in words.forms(line):
            word = form.text + "".join(rng.choices(endings, k=rng.randint(0, 3)))
            texts.append(word)
            if rng.random() < 0.1:
                texts += [word[:1].replace("i", "İ").upper() + word[1:], word.replace("i", "İ").upper()]
    rows = vocabulary.encode(pa.array(texts, pa.large_string()))
    assert vocabulary.decode(rows).to_pylist() == [text.encode() for text in texts]


def test_most_tokens_are_roots_and_affixes(vocabulary: Vocabulary) -> None:
    """%TR and %Pure of C13: far above those of byte-level BPE, even of one that has learned this very text."""
    roots, affixes = ({form.strip() for form in found} for found in surfaces())
    whole = {word.strip(".,").lower() for word in TEXT.split()}

    def facts(tokens: list[str]) -> dict[str, float]:
        return morphology_facts(
            Counter(token.encode() for token in tokens),
            words=whole,
            roots=roots,
            affixes=affixes,
            language="tr",
        )

    ours = [vocabulary.tokens[i].decode(errors="replace") for i in vocabulary.encode_one(TEXT)]
    plain = learn_bpe(count_words(pa.array([TEXT]), Pretokenizer()), 420)
    theirs = [plain.tokens[i].decode(errors="replace") for i in plain.encode_one(TEXT)]
    found, other = facts(ours), facts(theirs)
    assert found["tr_unique"] > 0.85
    assert found["pure_unique"] > 0.8
    for name in ("tr", "pure", "tr_unique", "pure_unique"):
        assert found[name] > other[name] + 0.1
