"""The vocabulary as a value and as a file: tokenizer.json, fingerprints, pickles, golden documents."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.models.bpe.word import PairTable
from pairloom.operators.text.pretokenize.schemes import DIGITS, SCHEMES
from pairloom.operators.vocabulary.tokens import TokenTable, byte_order, from_alphabet, to_alphabet
from tests.operators.vocabulary.checks import TEXTS, ids_of, learned


def test_the_alphabet_is_gpt2s():
    assert sorted(to_alphabet(bytes(range(256)))) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert from_alphabet(to_alphabet(bytes(range(256)))) == bytes(range(256))
    assert [to_alphabet(bytes([b])) for b in byte_order()] == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert from_alphabet("日") is None


def test_token_tables_are_sequences_of_bytes():
    table = TokenTable.of([b"a", b"", b"bc"])
    assert (len(table), table[2], table[-3], table[1:], list(table)) == (
        3,
        b"bc",
        b"a",
        (b"", b"bc"),
        [b"a", b"", b"bc"],
    )
    assert table == (b"a", b"", b"bc") == TokenTable.of(table)
    assert hash(table) == hash(TokenTable.of(iter([b"a", b"", b"bc"])))
    assert table != [b"a", b"b", b"c"]
    assert pickle.loads(pickle.dumps(table)) == table
    with pytest.raises(IndexError, match="id 3 is outside"):
        table[3]
    with pytest.raises(ValueError, match="read-only"):
        table.data[0] = 1
    with pytest.raises(ValueError, match="offsets"):
        TokenTable(np.zeros(2, np.uint8), np.array([0, 3]))


@pytest.mark.parametrize("digits", ["keep", *DIGITS])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_files_read_the_same_everywhere(scheme, digits):
    vocab = learned(scheme, digits)
    data = vocab.to_json()
    read = Vocabulary.from_json(data)
    assert read == vocab
    assert read.to_json() == data
    assert read.pretokenizer == vocab.pretokenizer
    theirs = tokenizers.Tokenizer.from_str(data.decode())
    assert ids_of(read) == [theirs.encode(text).ids for text in TEXTS]
    # What another tool saves has lost our own key, and names the scheme by its patterns only.
    again = Vocabulary.from_json(theirs.to_str().encode())
    assert ids_of(again) == ids_of(vocab)
    assert again.slow_path is None


def test_transformers_loads_the_file(tmp_path):
    transformers = pytest.importorskip("transformers")
    vocab = learned("llama3", normalizer="nfc")
    vocab.save(tmp_path / "tokenizer.json")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert [theirs(text)["input_ids"] for text in TEXTS] == ids_of(vocab)
    assert (
        theirs.decode(vocab.encode_one("<|end|>x", special_tokens_in_text="parse"), skip_special_tokens=True)
        == "x"
    )
    theirs.save_pretrained(tmp_path / "saved")
    assert ids_of(Vocabulary.load(tmp_path / "saved" / "tokenizer.json")) == ids_of(vocab)


def test_a_changed_file_is_noticed():
    document = json.loads(learned().to_json())
    merges = document["model"]["merges"]
    for text, ids in document["model"]["pairloom"]["golden"]:
        assert ids == learned().encode_one(text).tolist()
    document["model"]["merges"] = merges[2:]
    with pytest.raises(CorruptionError, match='golden document "Hello, world!'):
        Vocabulary.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda d: d["model"]["pairloom"].update(unicode="1.0"), RecipeError, "Unicode 1.0"),
        (lambda d: d["model"]["pairloom"].update(format=9), RecipeError, "format 9"),
        (
            lambda d: d["model"]["merges"].append(["x", "nonsense"]),
            DataError,
            "'nonsense' is no token of model.vocab",
        ),
        (
            lambda d: d["model"]["vocab"].update(zz=5),
            DataError,
            "two tokens of this tokenizer.json have id 5",
        ),
        (lambda d: d["model"]["vocab"].update(zz=1 << 40), DataError, "the id of 'zz'"),
        (
            lambda d: d["added_tokens"].append({**d["added_tokens"][0], "id": 7}),
            DataError,
            "share an id or a spelling",
        ),
        (
            lambda d: d["added_tokens"].append({**d["added_tokens"][0], "id": 7, "content": "é"}),
            DataError,
            "id 7 is both",
        ),
        (lambda d: d.pop("model"), DataError, "not a tokenizer.json"),
    ],
)
def test_damaged_files_are_refused(change, error, message):
    document = json.loads(learned().to_json())
    change(document)
    with pytest.raises(error, match=message):
        Vocabulary.from_json(json.dumps(document).encode())
    with pytest.raises(DataError, match=r"not a tokenizer\.json"):
        Vocabulary.from_json(b"[1]")


def published(pattern: str | None, **model) -> dict:
    """A file in the way that others publish it: merges as strings, added tokens at the end with a hole before."""
    document = json.loads(learned("llama3", special=()).to_json())
    document["model"].pop("pairloom")
    document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
    document["model"].update(model)
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    document["added_tokens"] = [
        {"id": len(document["model"]["vocab"]), "content": "<|end|>", "special": True, **flags},
        {"id": len(document["model"]["vocab"]) + 1, "content": "<tool>", "special": False, **flags},
    ]
    if pattern is not None:
        document["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = pattern
    return document


def check_published(document: dict, texts=(*TEXTS, "a<|end|>b<tool>c the")) -> Vocabulary:
    data = json.dumps(document).encode()
    vocab, theirs = Vocabulary.from_json(data), tokenizers.Tokenizer.from_str(data.decode())
    got = vocab.encode(pa.array(texts), special_tokens_in_text="parse")
    assert got.to_pylist() == [theirs.encode(text, add_special_tokens=False).ids for text in texts]
    assert Vocabulary.from_json(vocab.to_json()) == vocab
    return vocab


def test_published_files():
    vocab = check_published(published(None))
    assert vocab.pretokenizer == Pretokenizer(scheme="llama3")
    assert vocab.plain_tokens == ("<tool>",)
    assert vocab.special_id("<|end|>") == len(vocab) - 2
    assert check_published(published(None, ignore_merges=True)).model.ignore_merges
    removed = published(None)
    removed["pre_tokenizer"]["pretokenizers"][0].update(behavior="Removed", invert=True)
    assert check_published(removed).pretokenizer.scheme == "llama3"
    own = check_published(published(r"\w+|\W"))
    assert own.pretokenizer.pattern == r"\w+|\W"
    assert "regex" in own.slow_path
    templated = published(None)
    templated["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "<|end|>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {
            "<|end|>": {"id": "<|end|>", "ids": [vocab.special_id("<|end|>")], "tokens": ["<|end|>"]}
        },
    }
    assert json.loads(check_published(templated).to_json())["post_processor"] == templated["post_processor"]


def test_ignore_merges_takes_words_that_no_merge_reaches():
    document = published(None, ignore_merges=True)
    document["added_tokens"] = []
    document["model"]["vocab"]["Ġunreachable"] = len(document["model"]["vocab"])
    vocab = check_published(document, ("an unreachable unreachables", "unreachable"))
    assert len(vocab.encode_one(" unreachable")) == 1
    document["model"]["ignore_merges"] = False
    assert len(check_published(document, (" unreachable",)).encode_one(" unreachable")) > 1


def test_ids_that_no_token_has_are_empty_tokens():
    document = published(None)
    for item in document["added_tokens"]:
        item["id"] += 100
    document["model"]["vocab"].update(
        {"<|end|>": document["added_tokens"][0]["id"], "<tool>": document["added_tokens"][1]["id"]}
    )
    vocab = check_published(document)
    assert vocab.tokens[-3] == b""
    assert vocab.decode([len(vocab) - 3, len(vocab) - 1]) == b"<tool>"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d.update(pre_tokenizer={"type": "Whitespace"}), "Whitespace, not in ByteLevel"),
        (lambda d: d["model"].update(byte_fallback=True), "byte_fallback"),
        (lambda d: d.update(normalizer={"type": "Lowercase"}), "normalizer is Lowercase"),
        (lambda d: d["added_tokens"][0].update(lstrip=True), "has lstrip"),
        (
            lambda d: (
                d["model"]["vocab"].update({"日": d["added_tokens"][0]["id"]}),
                [token.update(id=token["id"] + 1) for token in d["added_tokens"]],
            ),
            "not spelled in the byte-level",
        ),
        (lambda d: d["pre_tokenizer"]["pretokenizers"][-1].update(add_prefix_space=True), "adds a space"),
    ],
)
def test_other_files_run_through_the_library(change, why):
    document = published(None)
    change(document)
    data = json.dumps(document).encode()
    vocab, theirs = Vocabulary.from_json(data), tokenizers.Tokenizer.from_str(data.decode())
    assert why in vocab.slow_path
    texts = ["the <|end|>end", None, ""]
    got = vocab.encode(pa.array(texts), special_tokens_in_text="parse", append=[3])
    assert got.to_pylist() == [[*theirs.encode(texts[0]).ids, 3], None, [3]]
    assert vocab.to_json() == data
    assert pickle.loads(pickle.dumps(vocab)) == vocab


def test_unigram_has_the_ids_of_the_library():
    theirs = tokenizers.Tokenizer(
        models.Unigram([("<unk>", 0.0), ("▁", -1.0), ("a", -2.0), ("▁ab", -3.0), ("b", -2.5)], 0)
    )
    theirs.pre_tokenizer, theirs.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    vocab = Vocabulary.from_json(theirs.to_str().encode())
    assert (vocab.model.name, vocab.slow_path) == ("unigram", None)
    assert vocab.encode_one("ab ba").tolist() == theirs.encode("ab ba").ids
    assert vocab.decode(vocab.encode(pa.array(["ab ba"]))).to_pylist() == [b"ab ba"]
    _, ends = vocab.encode(pa.array(["ab ba"]), offsets=True)
    assert ends.to_pylist() == [[end for _, end in theirs.encode("ab ba").offsets]]


def test_a_vocabulary_that_tokenizers_learned():
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.normalizer = normalizers.Sequence([normalizers.NFC()])
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(TEXTS, trainer)
    vocab = Vocabulary.from_json(theirs.to_str().encode())
    assert (vocab.normalizer, vocab.pretokenizer.scheme, vocab.slow_path) == ("nfc", "gpt2", None)
    assert ids_of(vocab) == [theirs.encode(text).ids for text in TEXTS]


def test_values_are_checked():
    base = learned()
    good = {"tokens": base.tokens, "model": base.model}
    for wrong, message in (
        ({"special_tokens": ("x",)}, "not the token of id 0"),
        ({"special_tokens": ("<|end|>",), "special_ids": (0, 1)}, "have ids"),
        ({"model": ByteLevelBPE(merges=[[0, 9999]])}, "outside"),
        ({"normalizer": "nfx"}, "unknown normalizer"),
    ):
        with pytest.raises(ValueError, match=message):
            Vocabulary(**{**good, **wrong})
    with pytest.raises(ValueError, match="which is no token"):
        Vocabulary(tokens=base.tokens[:300], model=ByteLevelBPE(merges=[[1, 1]])).encode(pa.array(["a"]))
    with pytest.raises(ValueError, match="are both"):
        Vocabulary(tokens=[b"a", b"a"], model=ByteLevelBPE(merges=[])).encode(pa.array(["a"]))


def test_fingerprints_tell_what_decides_an_id():
    base = learned()
    same = Vocabulary(
        tokens=tuple(base.tokens),
        model=ByteLevelBPE(merges=base.model.merges.tolist()),
        special_tokens=base.special_tokens,
        pretokenizer=base.pretokenizer,
    )
    assert same == base
    assert hash(same) == hash(base)
    others = [learned("llama3"), learned(digits="single"), learned(normalizer="nfc"), learned(special=())]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert pickle.loads(pickle.dumps(base)) == base
    assert len(pickle.dumps(base)) < 12_000
    assert base != 1


def test_ids_of_tokens():
    vocab = learned()
    assert vocab.special_id("<|end|>") == 0
    assert vocab.tokens[vocab.token_to_id(b" the")] == b" the"
    for lookup in (lambda: vocab.special_id("the"), lambda: vocab.token_to_id(b"<|end|>")):
        with pytest.raises(KeyError):
            lookup()


def test_spellings_must_be_distinct():
    tokens = ["é".encode(), *(bytes([b]) for b in range(256))]
    with pytest.raises(RecipeError, match="both spelled 'é'"):
        Vocabulary(tokens=tokens, model=ByteLevelBPE(merges=[]), special_tokens=("é",)).to_json()


def test_tables_travel_with_a_prepared_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array(["the cat sat on the mat", "a hat, 1234 and naïve"])
    counts = count_words(texts, Pretokenizer())
    plain = learn_bpe(counts, 300)
    wanted = plain.encode(texts).to_pylist()
    tokenizer = Tokenizer(plain)
    packed = [pickle.dumps(one.prepared(), protocol=5) for one in (tokenizer, tokenizer.with_memo(counts))]
    monkeypatch.setattr(PairTable, "of", None)  # whoever builds a table now fails
    for data in packed:
        assert pickle.loads(data).encode(texts).to_pylist() == wanted
    with pytest.raises(TypeError):
        learn_bpe(counts, 270).encode(texts)
