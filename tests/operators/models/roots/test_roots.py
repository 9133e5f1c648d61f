"""Roots and affixes as a family (C14): every text comes back, forms share ids, rules are data, and the twin agrees."""

import itertools
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
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.operators.learners import Target
from pairloom.operators.learners.roots import RootsLearner
from pairloom.operators.models.bpe.pruning import prune
from pairloom.operators.models.roots import RootLexicon, Roots, learn_roots, read_lexicon
from pairloom.operators.models.roots.learning import residues
from pairloom.operators.models.roots.spelling import CAPITAL, CAPITALS, LITERAL, Speller
from pairloom.operators.reference.models.roots import spell_items, surfaces

ROOTS = [
    "kitab@before=vowel kitap",
    "araba",
    "ev",
    "göz",
    "okul",
    "ağac@before=vowel ağaç",
    "şehr@before=vowel şehir",
    "at",
]
AFTER_VOWELS = "yı@after=vowel,vowel=flatback yu@after=vowel,vowel=roundback yi@after=vowel,vowel=flatfront yü@after=vowel"
AFFIXES = [
    "lar@vowel=back ler",
    f"{AFTER_VOWELS} ı@vowel=flatback u@vowel=roundback ü@vowel=roundfront i",
    "ta@after=hard,vowel=back te@after=hard da@vowel=back de",
]
RULES = {
    "classes": {
        "vowel": "aeıioöuü",
        "back": "aıou",
        "flatback": "aı",
        "roundback": "ou",
        "flatfront": "ei",
        "roundfront": "öü",
        "hard": "fstkçşhp",
    },
    "case": {"I": "ı", "İ": "i"},
    "joiners": "'",
    "letters": "bcfhjmnpqrsvwxyz",
}
TURKISH = RootLexicon.of(ROOTS, AFFIXES, RULES)
ENGLISH = RootLexicon.of(
    ["citi@before=hiss city", "box", "cat"],
    ["es@after=hissing s"],
    {"classes": {"hissing": "sxzi", "hiss": "es"}, "letters": "abcdefghijklmnopqrstuvwxyz"},
)
TEXT = "kitap Kitabı KİTAPLAR evlerde, evlarda! araba'yı İstanbul'da Istanbul TBMM'de bir şey e\u0301v 漢字\n\tat"
WORDS = [*ROOTS, *AFFIXES]
FORMS = sorted(surfaces(WORDS))
PIECES = st.one_of(
    st.sampled_from(FORMS),
    st.sampled_from([form.upper() for form in FORMS] + [form.capitalize() for form in FORMS]),
    st.sampled_from(
        [
            " ",
            "\n",
            "'",
            "''",
            ",",
            "i",
            "ı",
            "I",
            "İ",
            "\u0307",
            "\u0301",
            "ğ",
            "q",
            "<literal>",
            "<uppercase>",
        ]
    ),
    st.text(max_size=3),
)


def learned(lexicon: RootLexicon, text: str = TEXT, size: int = 400, **target: object) -> Vocabulary:
    counts = count_words(pa.array([text] * 3), Pretokenizer(scheme="whitespace"))
    return learn_roots(counts, Target(size=size, **target), lexicon)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return learned(TURKISH, special_tokens=("<|e|>",))


@given(st.lists(st.lists(PIECES, max_size=10).map("".join), max_size=4))
def test_every_text_comes_back(vocabulary: Vocabulary, texts: list[str]) -> None:
    rows = vocabulary.encode(pa.array(texts, pa.large_string()))
    assert [text.decode() for text in vocabulary.decode(rows).to_pylist()] == texts
    for text, row in zip(texts, rows.to_pylist(), strict=True):
        assert vocabulary.encode_one(text).tolist() == row


@given(st.lists(PIECES, max_size=10).map("".join))
def test_words_are_told_by_their_items_alone(word: str) -> None:
    speller = Speller(TURKISH)
    items = speller.items(word)
    assert speller.text(items) == word == twin(items)
    assert not any(isinstance(a, str) and isinstance(b, str) for a, b in itertools.pairwise(items))


ITEMS = st.one_of(
    st.integers(0, len(WORDS) - 1),
    st.sampled_from([CAPITAL, CAPITALS, LITERAL]),
    st.sampled_from(["'", "k", "K", "a", "İ", ", ", "x'", "\u0301", "be b"]),
)


@given(st.lists(ITEMS, max_size=12))
def test_any_items_spell_what_the_twin_spells(items: list[int | str]) -> None:
    assert Speller(TURKISH).text(items) == twin(items)


def twin(items: list[int | str]) -> str:
    return spell_items(
        items,
        WORDS,
        dict(TURKISH.classes),
        case=dict(TURKISH.case),
        letters=TURKISH.letters,
        joiners=TURKISH.joiners,
    )


def test_every_inflection_has_the_ids_of_its_parts(vocabulary: Vocabulary) -> None:
    plural, direct, local = range(len(ROOTS), len(WORDS))
    first = vocabulary.encode_one("kitap")[0]
    assert vocabulary.tokens[first] == b"kitap"
    endings = ([], [plural], [direct], [local], [plural, direct], [plural, local])
    for root, ending in itertools.product(range(len(ROOTS)), endings):
        word = twin([root, *ending])
        ids = [int(first) + number for number in (root, *ending)]
        assert vocabulary.encode_one(word).tolist() == ids, word
        for shown, marks in (
            (word.replace("i", "İ").upper(), b"<capitals>"),
            (capital(word), b"<uppercase>"),
        ):
            found = vocabulary.encode_one(shown).tolist()
            assert (vocabulary.tokens[found[0]], found[1:]) == (marks, ids), shown
            assert vocabulary.decode(found).decode() == shown


def capital(word: str) -> str:
    return word[0].replace("i", "İ").upper() + word[1:]


def shown(vocabulary: Vocabulary, text: str) -> list[str]:
    return [vocabulary.tokens[i].decode(errors="replace") for i in vocabulary.encode_one(text)]


def test_forms_are_chosen_by_what_is_around_them(vocabulary: Vocabulary) -> None:
    assert shown(vocabulary, "kitaplarda") == ["kitap", "ler", "de"]
    assert shown(vocabulary, "ağacı") == ["ağaç", "i"]
    assert shown(vocabulary, "arabayı") == ["araba", "i"]
    assert shown(vocabulary, "okulu") == ["okul", "i"]
    assert shown(vocabulary, "ev'de") == ["ev", "'", "de"]
    assert shown(vocabulary, "EV'de") == ["<capitals>", "ev", "'", "de"]


def test_a_form_that_the_rules_would_not_choose_is_spelled_out(vocabulary: Vocabulary) -> None:
    for text in ("evlar", "kitapı", "arabaı", "EVLARDE", "kitapDA"):
        assert "<literal>" in shown(vocabulary, text)
        assert vocabulary.decode(vocabulary.encode_one(text)).decode() == text
    assert shown(vocabulary, "evlarda")[:2] == ["ev", "<literal>"]  # the root keeps its token


def test_another_language_is_another_table() -> None:
    vocabulary = learned(ENGLISH, "cats and boxes")
    assert shown(vocabulary, "cats") == ["cat", "s"]
    assert shown(vocabulary, "boxes") == ["box", "s"]
    assert shown(vocabulary, "Cities") == ["<uppercase>", "city", "s"]
    assert "<literal>" in shown(vocabulary, "boxs")


def test_merges_are_of_the_residues() -> None:
    counts = count_words(pa.array(["evde zzz evlerde zzz"]), Pretokenizer(scheme="whitespace"))
    found = residues(counts, TURKISH)
    assert dict(zip(found.words.to_pylist(), found.counts.tolist(), strict=True)) == {b" ": 1, b" zzz": 2}
    assert b" zzz" in learned(TURKISH, "evde zzz evlerde zzz").tokens


def test_special_tokens_nulls_and_what_is_put_around(vocabulary: Vocabulary) -> None:
    texts = pa.array(["ev<|e|>lar", None, "", "kitap"])
    end = vocabulary.special_id("<|e|>")
    rows = vocabulary.encode(texts, prepend=[end], append=[end], special_tokens_in_text="parse").to_pylist()
    assert rows[1:3] == [None, [end, end]]
    assert rows[0][2] == end
    assert vocabulary.decode(pa.array(rows[:1]))[0].as_py() == b"<|e|>ev<|e|>lar<|e|>"
    assert end not in vocabulary.encode_one("ev<|e|>lar")
    with pytest.raises(DataError, match="outside a vocabulary"):
        vocabulary.decode([len(vocabulary)])


def test_ids_in_any_order_decode(vocabulary: Vocabulary) -> None:
    every = list(range(len(vocabulary)))
    assert isinstance(vocabulary.decode(every[::-1]), bytes)
    byte = [vocabulary.token_to_id(bytes([one])) for one in "é".encode()]
    assert vocabulary.decode(byte[:1]) == "é".encode()[:1]


def test_it_is_written_and_read_again(vocabulary: Vocabulary) -> None:
    data = vocabulary.to_json()
    again = Vocabulary.from_json(data)
    assert again == vocabulary
    assert again.to_json() == data
    assert isinstance(again.model, Roots)
    copy = pickle.loads(pickle.dumps(vocabulary.model.compiled(vocabulary)))
    assert Tokenizer(vocabulary, tables=copy).encode(pa.array(["evler"]))[0].as_py() == (
        vocabulary.encode_one("evler").tolist()
    )
    document = json.loads(data)
    own = document["model"]["pairloom"]
    for key, value in (("start", 0), ("merges", [[0, 999]]), ("lexicon", {}), ("special", [])):
        changed = document | {"model": {"type": "Roots", "pairloom": own | {key: value}}}
        with pytest.raises((DataError, CorruptionError)):
            Vocabulary.from_json(json.dumps(changed).encode())
    foreign = document | {"model": {"type": "Roots"}}
    with pytest.raises(DataError):
        Vocabulary.from_json(json.dumps(foreign).encode())


@pytest.mark.parametrize("unit", ["evlar", "kb", "aB0/", "e1", "İ", "ev'"])
def test_what_no_language_has_is_no_work(vocabulary: Vocabulary, unit: str) -> None:
    """Text without blanks, as of base64: each character is looked at some times, however long it is."""
    text = unit * 10_000
    assert vocabulary.decode(vocabulary.encode_one(text)).decode() == text


def test_text_is_normalized_before_it_is_cut() -> None:
    vocabulary = learned(TURKISH, normalizer="nfc")
    assert vocabulary.encode_one("go\u0308z").tolist() == vocabulary.encode_one("göz").tolist()
    assert shown(vocabulary, "go\u0308z") == ["göz"]
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_what_is_of_merges_alone_says_so(vocabulary: Vocabulary, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="of the family roots: learn a smaller one"):
        prune(vocabulary, np.ones(len(vocabulary), np.int64), 260)
    with pytest.raises(RecipeError, match="no other library would open the folder"):
        pl.export(vocabulary, tmp_path / "t", format="tokenizer")
    with pytest.raises(RecipeError, match=r"encode by `Vocabulary\.load`"):
        pl.export(vocabulary, tmp_path / "t.gguf", format="gguf")
    assert not [*tmp_path.iterdir()]


def test_words_are_remembered_and_forgotten_without_a_change(vocabulary: Vocabulary) -> None:
    tables = vocabulary.model.compiled(vocabulary)
    texts = pa.array([TEXT, "kitap ev", TEXT], pa.large_string())
    nothing = np.zeros(0, np.uint32)
    expected = vocabulary.encode(texts).flatten().to_pylist()
    for room in (0, 1000, 1 << 20):
        encoder = tables.encoder(table_bytes=room)
        for _ in range(2):
            values, lists = encoder.encode_texts(
                texts, wanted=(), prepend=nothing, append=nothing, missing_bytes="error"
            )
            assert values.tolist() == expected
            assert lists[-1] == len(expected)
    assert encoder.statistics["misses"] == 0


def files(folder: Path) -> dict[str, str]:
    (folder / "roots.txt").write_text("# roots\n\n" + "\n".join(ROOTS), encoding="utf-8")
    (folder / "affixes.txt").write_text("\n".join(AFFIXES), encoding="utf-8")
    (folder / "rules.json").write_text(json.dumps(RULES), encoding="utf-8")
    return {key: str(next(folder.glob(f"{key}.*"))) for key in ("roots", "affixes", "rules")}


def test_what_files_hold_decides_what_is_learned(tmp_path: Path) -> None:
    keys = files(tmp_path)
    assert read_lexicon(**keys) == TURKISH
    before = RootsLearner(**keys).identity
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert RootsLearner(**files(other)).identity == before
    with (tmp_path / "affixes.txt").open("a", encoding="utf-8") as file:
        file.write("\nsız\n")
    assert RootsLearner(**keys).identity != before


def test_marks_of_utf_8_are_no_part_of_what_files_hold(tmp_path: Path) -> None:
    keys = files(tmp_path)
    for path in map(Path, keys.values()):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_lexicon(**keys) == TURKISH


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("roots.txt", "ev\nat ev", "line 2: 'ev' is a form of line 1 too"),
        ("roots.txt", "ev@before=vowel", "line 1: the last form"),
        ("roots.txt", "eb@next=vowel ev", "line 1: 'next=vowel' is no condition"),
        ("roots.txt", "eb@before=soft ev", "needs the class 'soft'"),
        ("roots.txt", "@before=vowel ev", "no form before @"),
        ("roots.txt", "ev\nEv", "'E' is a capital"),
        ("rules.json", "{", "rules.json: no JSON"),
        ("rules.json", "[]", "rules.json: rules are an object"),
        ("rules.json", '{"vowels": "a"}', "and no vowels"),
        ("rules.json", '{"case": {"I": "ii"}}', "each one character"),
        ("rules.json", '{"joiners": " "}', "a blank is no letter"),
    ],
)
def test_files_that_are_none_say_where(tmp_path: Path, name: str, content: str, named: str) -> None:
    keys = files(tmp_path)
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(RecipeError, match=named):
        _ = RootsLearner(**keys).identity


def test_a_file_that_is_missing_and_a_size_that_is_small_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        _ = RootsLearner(roots=str(tmp_path / "none.txt")).identity
    keys = files(tmp_path)
    with pytest.raises(ValueError, match="size must be at least 270: 11 roots"):
        RootsLearner(**keys).check(Target(size=269))
    with pytest.raises(RecipeError, match="size must be at least 270"):
        learned(TURKISH, size=269)
    with pytest.raises(RecipeError, match="is a mark"):
        learned(TURKISH, special_tokens=("<literal>",))
