"""Typed entries over a base (C16): text without concepts is the base's, concepts take fewer tokens, everything comes back."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pairloom as pl
from pairloom.operators import Pretokenizer, Vocabulary, count_words
from pairloom.operators.embeddings import row_map
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.operators.learners import Target
from pairloom.operators.learners.typed import TypedLearner
from pairloom.operators.models.bpe.learning import learn_bpe
from pairloom.operators.models.typed import Concept, Typed, learn_typed, read_concepts
from pairloom.operators.models.typed.spelling import least_entropy, log2
from pairloom.operators.models.typed.tables import letters_of_words, spellings_of
from pairloom.operators.reference.models.typed import retype_tokens
from pairloom.operators.vocabulary.tokens import TokenTable

STEMS = ["cef", "amox", "sulfa", "keto", "pred", "dexa", "flu", "lora"]
MIDDLES = ["tri", "ni", "co", "zo", "meta"]
DRUG_ENDS, DISEASE_ENDS = ["cillin", "olone", "azole", "prazole"], ["itis", "osis", "emia"]
DRUGS = [stem + middle + end for stem in STEMS for middle in MIDDLES for end in DRUG_ENDS]
DISEASES = [stem + middle + end for stem in STEMS for middle in MIDDLES for end in DISEASE_ENDS]
MORE = ["St. John's wort", "(+)-menthol", "café au lait spot", "cancer of the lung", "cold", "naïve cell"]
CONCEPTS = [
    *(Concept(text, "drug") for text in [*DRUGS, *MORE[:2]]),
    *(Concept(text, "disease") for text in [*DISEASES, *MORE[2:5]]),
    *(Concept(text, "sensation") for text in ["cold", "cold sweat", *MORE[5:]]),
]
PLAIN = "The patient took it in the morning, and again at night. It was a cold day! Of the lung nothing is said.\n"
TEXT = PLAIN + "".join(
    f"She was given {drug} for {sick}. " for drug, sick in zip(DRUGS, DISEASES, strict=False)
)
SIZES = {"drug": 120, "disease": 100, "sensation": 20}


@pytest.fixture(scope="module")
def base() -> Vocabulary:
    counts = count_words(pa.array([PLAIN] * 4), Pretokenizer())
    return learn_bpe(counts, 320, special_tokens=("<|e|>",))


@pytest.fixture(scope="module")
def vocabulary(base: Vocabulary) -> Vocabulary:
    counts = count_words(pa.array([TEXT]), Pretokenizer())
    target = Target(size=600, special_tokens=("<|e|>", "<|pad|>"))
    return learn_typed(counts, target, base, CONCEPTS, SIZES)


def shown(vocabulary: Vocabulary, text: str) -> list[tuple[str, str]]:
    """Each token, with its type."""
    model = vocabulary.model
    assert isinstance(model, Typed)
    kinds = ["", *model.kinds]
    return [
        (
            vocabulary.tokens[i].decode(errors="replace"),
            kinds[int(np.searchsorted(model.starts, i, side="right"))],
        )
        for i in vocabulary.encode_one(text).tolist()
    ]


def test_text_without_a_concept_is_encoded_as_by_the_base(vocabulary: Vocabulary, base: Vocabulary) -> None:
    texts = [
        PLAIN.replace("cold", "warm"),
        "",
        "cefs",
        "xceftricillin ceftricillinx",
        "Cold colds coldé é cold2",
    ]
    for text in texts:
        assert vocabulary.encode_one(text).tolist() == base.encode_one(text).tolist()
    assert vocabulary.tokens[: len(base)] == base.tokens[:]
    assert vocabulary.special_ids == (*base.special_ids, len(base))


def test_concepts_have_ids_of_their_type(vocabulary: Vocabulary) -> None:
    for text, kind in (("ceftricillin", "drug"), (" ketozoosis", "disease"), ("(+)-menthol", "drug")):
        found = shown(vocabulary, text)
        assert "".join(token for token, _ in found) == text
        assert {one for _, one in found if one} == {kind}
    assert shown(vocabulary, "take ceftricillin,")[-1] == (",", "")


def test_fertility_falls_on_its_domain_and_nowhere_else(vocabulary: Vocabulary, base: Vocabulary) -> None:
    other = PLAIN.replace("cold", "warm")
    domain = TEXT.removeprefix(PLAIN)
    assert len(vocabulary.encode_one(domain)) < 0.6 * len(base.encode_one(domain))
    assert len(vocabulary.encode_one(other)) == len(base.encode_one(other))


def test_the_same_bytes_are_entries_of_several_types(vocabulary: Vocabulary) -> None:
    tokens, model = TokenTable.of(vocabulary.tokens), vocabulary.model
    assert isinstance(model, Typed)
    shared = set(model.entries[0]) & set(model.entries[1])
    assert shared
    assert all(len(tokens.places(one)) > 1 for one in shared)
    for i, token in enumerate(vocabulary.tokens):
        assert vocabulary.decode([i]) == token


def test_neighbours_settle_which_type_it_is(vocabulary: Vocabulary) -> None:
    def of_cold(text: str) -> set[str]:
        return {kind for token, kind in shown(vocabulary, text) if kind and token.strip() in "cold"}

    assert of_cold("Lungs: ketozoosis and cold.") == {"disease"}
    assert of_cold("A naïve cell, cold.") == {"sensation"}
    assert of_cold("Cold? cold and naïve cell") == {"sensation"}  # of what is behind, where nothing is before
    # Another sentence is no neighbour.
    alone = shown(vocabulary, "cold")
    assert shown(vocabulary, "naïve cell.\ncold")[-len(alone) :] == alone


def test_a_sentence_that_gains_nothing_is_the_bases(vocabulary: Vocabulary, base: Vocabulary) -> None:
    model = vocabulary.model
    assert isinstance(model, Typed)
    costly = Typed(
        base=model.base,
        kinds=("drug",),
        entries=((b"c",),),
        costs=((1,),),
        others=(9,),
        concepts=(("cold", 0), ("of", 0)),
    ).vocabulary()
    for text in ("cold of cold", PLAIN):
        assert costly.encode_one(text).tolist() == base.encode_one(text).tolist()


PIECES = st.one_of(
    st.sampled_from([concept.text for concept in CONCEPTS if len(concept.text) < 20]),
    st.sampled_from(
        [
            " ",
            " ",
            "  ",
            ". ",
            "! ",
            "? ",
            "\u3002",
            "\n",
            ".",
            "-",
            "(",
            "é",
            "\u0301",
            "2",
            "<|e|>",
            " of the",
            "cold",
        ]
    ),
    st.text(max_size=2),
)


@given(st.lists(st.lists(PIECES, max_size=9).map("".join), max_size=4), st.booleans())
def test_every_text_comes_back_and_the_twin_agrees(
    vocabulary: Vocabulary, texts: list[str], parsed: bool
) -> None:
    model = vocabulary.model
    assert isinstance(model, Typed)
    options = {"special_tokens_in_text": "parse" if parsed else "text"}
    rows, ends = vocabulary.encode(pa.array(texts, pa.large_string()), offsets=True, **options)
    assert [text.decode() for text in vocabulary.decode(rows).to_pylist()] == texts
    letters = letters_of_words()
    for text, row, places in zip(texts, rows.to_pylist(), ends.to_pylist(), strict=True):
        plain = model.base.encode_one(text, **options).tolist()
        special = set(model.base.special_ids)
        tokens = [(i, None if i in special else model.base.tokens[i]) for i in plain]
        expected = retype_tokens(tokens, SPELLINGS(vocabulary), lambda one: bool(letters[ord(one)]))
        assert row == expected
        assert places == np.cumsum([len(vocabulary.tokens[i]) for i in row]).tolist()


def SPELLINGS(vocabulary: Vocabulary) -> dict[bytes, list[tuple[int, list[int]]]]:  # noqa: N802 - a table
    if vocabulary.fingerprint not in _KNOWN:
        assert isinstance(vocabulary.model, Typed)
        _KNOWN[vocabulary.fingerprint] = spellings_of(vocabulary.model)
    return _KNOWN[vocabulary.fingerprint]


_KNOWN: dict[str, dict[bytes, list[tuple[int, list[int]]]]] = {}


@given(
    st.binary(min_size=1, max_size=8), st.dictionaries(st.binary(min_size=1, max_size=3), st.integers(0, 9))
)
def test_no_way_to_spell_a_word_costs_less(word: bytes, costs: dict[bytes, int]) -> None:
    ways = {0: [(0, 0, ())]}
    for end in range(1, len(word) + 1):
        ways[end] = [
            (own + cost, len(tokens) + 1, (*tokens, word[low:end]))
            for low in range(end)
            for cost, _, tokens in ways[low]
            for own in ([costs[word[low:end]]] if word[low:end] in costs else []) + [7] * (end - low == 1)
        ]
    least = min(one[:2] for one in ways[len(word)])
    found, tokens = least_entropy(word, costs, 7, 3)
    assert (found, len(tokens)) == least
    assert b"".join(tokens) == word


def test_logarithms_are_of_integers() -> None:
    for number in (1, 2, 3, 1000, 12345678901234567890):
        assert abs(log2(number) / 65536 - np.log2(float(number))) < 2 / 65536


def test_it_is_written_and_read_again(vocabulary: Vocabulary, tmp_path: Path) -> None:
    data = vocabulary.to_json()
    again = Vocabulary.from_json(data)
    assert again == vocabulary
    assert again.to_json() == data
    expected = vocabulary.encode_one(TEXT).tolist()
    assert again.encode_one(TEXT).tolist() == expected
    tables = pickle.loads(pickle.dumps(vocabulary.model.compiled(vocabulary)))
    none = np.zeros(0, np.uint32)
    encoder = tables.encoder()
    values, _ = encoder.encode_texts(
        pa.array([TEXT]), wanted=(), prepend=none, append=none, missing_bytes="error"
    )
    assert values.tolist() == expected
    document = json.loads(data)
    own = document["model"]["pairloom"]
    types = own["types"]
    wrong = {
        "base": {},
        "concepts": [["cold", 9]],
        "types": [{**types[0], "costs": []}, *types[1:]],
    }
    for key, value in wrong.items():
        changed = document | {"model": {"type": "Typed", "pairloom": own | {key: value}}}
        with pytest.raises((DataError, CorruptionError)):
            Vocabulary.from_json(json.dumps(changed).encode())
    with pytest.raises(RecipeError, match="no other library would open the folder"):
        pl.export(vocabulary, tmp_path / "t", format="tokenizer")
    with pytest.raises(RecipeError):
        pl.export(vocabulary, tmp_path / "t.gguf", format="gguf")


def test_special_tokens_nulls_and_what_is_put_around(vocabulary: Vocabulary) -> None:
    end, typed = vocabulary.special_id("<|pad|>"), len(vocabulary) - 1
    texts = pa.array(["ceftricillin<|e|>cold", None, "", "a"])
    rows = vocabulary.encode(texts, prepend=[typed], append=[end], special_tokens_in_text="parse").to_pylist()
    assert rows[1:3] == [None, [typed, end]]
    assert rows[0][0] == typed
    assert rows[0][-1] == end
    assert rows[0].count(vocabulary.special_id("<|e|>")) == 1
    assert vocabulary.special_id("<|e|>") not in vocabulary.encode_one("<|e|>")


def test_rows_of_entries_are_the_means_of_the_bases_pieces(vocabulary: Vocabulary, base: Vocabulary) -> None:
    found = row_map(base, vocabulary)
    model = vocabulary.model
    assert isinstance(model, Typed)
    for i in range(model.starts[0], len(vocabulary)):
        ids = found.ids[found.offsets[i] : found.offsets[i + 1]].tolist()
        assert b"".join(base.tokens[one] for one in ids) == vocabulary.tokens[i]


def test_what_is_learned_depends_on_words_alone(base: Vocabulary) -> None:
    counts = count_words(pa.array([TEXT]), Pretokenizer())
    target = Target(size=600)
    one = learn_typed(counts, target, base, CONCEPTS, SIZES)
    other = learn_typed(counts, target, base, reversed([*CONCEPTS, CONCEPTS[0]]), SIZES)
    assert one.to_json() == other.to_json()
    used = {i for _, choices in spellings_of(one.model).items() for _, ids in choices for i in ids}  # type: ignore[arg-type]
    assert used >= set(range(len(base), len(one)))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("aspirin", "line 1: 'aspirin' has no type"),
        ("# x\n\naspirin \tdrug", "line 3: 'aspirin ' spells no concept"),
        ("aspirin\tdrug \n", "line 1: 'drug ' is no type"),
        ("aspirin\tdrug\tx", "is no type"),
        ("x" * 1025 + "\tdrug", "a concept of 1025 bytes"),
        ("# nothing", "no line has a concept"),
    ],
)
def test_files_that_are_none_say_where(tmp_path: Path, content: str, named: str) -> None:
    (tmp_path / "c.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(RecipeError, match=named):
        read_concepts(str(tmp_path / "c.tsv"))


def test_a_mark_of_utf_8_is_no_part_of_the_first_concept(tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text("aspirin\tdrug\r\n", encoding="utf-8-sig")
    assert read_concepts(str(tmp_path / "c.tsv")) == (Concept("aspirin", "drug"),)


def test_what_does_not_fit_is_told(base: Vocabulary, vocabulary: Vocabulary, tmp_path: Path) -> None:
    counts = count_words(pa.array([TEXT]), Pretokenizer())
    with pytest.raises(RecipeError, match="size must be at least 560"):
        learn_typed(counts, Target(size=500), base, CONCEPTS, SIZES)
    with pytest.raises(RecipeError, match="the base is of the family typed"):
        learn_typed(counts, Target(size=900), vocabulary, CONCEPTS, SIZES)
    file, saved = tmp_path / "c.tsv", tmp_path / "base.json"
    file.write_text("aspirin\tdrug\r\ncold\tdisease\n")
    base.save(saved)
    learner = TypedLearner(base=str(saved), concepts=str(file), entries=30)
    assert learner.learn(counts, Target(size=400, special_tokens=("<|e|>",))).model.name == "typed"
    with pytest.raises(ValueError, match="size must be at least 316"):
        learner.check(Target(size=300))
    with pytest.raises(ValueError, match=r"sizes names 'gene', and the types of .* are disease, drug"):
        TypedLearner(base=str(saved), concepts=str(file), sizes={"gene": 3}).check(Target(size=3000))
    before = learner.identity
    file.write_text("aspirin\tdrug\n")
    assert learner.identity != before
    with pytest.raises(RecipeError, match="cannot be read"):
        _ = TypedLearner(base=str(tmp_path / "none"), concepts=str(file)).identity
