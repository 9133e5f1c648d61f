"""A vocabulary for llama.cpp: a GGUF file of metadata, without tensors, as its own converter writes for vocabularies.

llama.cpp cuts text by a fixed list of pretokenizers, each under a name (`tokenizer.ggml.pre`). A vocabulary whose scheme is none
of them would get other ids there without a word: it is refused, with the name of the nearest. Those in `_SAME` cut as ours do, but
for an apostrophe before U+017F, the long s, which is a contraction here and in `tokenizers`.

Before the file is kept it is read back, and the ids that its tokens and merges give are compared with the vocabulary's own, on its
golden documents and a sample.
"""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators import Pretokenizer, Vocabulary
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.models.bpe.model import ByteLevelBPE, byte_ids, merge_products
from pairloom.operators.vocabulary.golden import GOLDEN
from pairloom.operators.vocabulary.tokens import TokenTable, from_alphabet, to_alphabet
from pairloom.pipeline.export.given_vocabulary import VocabularyExport
from pairloom.pipeline.store.location import open_objects

__all__ = ["export_gguf", "pre_of"]

# Patterns -> the names of llama.cpp that cut so: of one that merges every word, and of one that takes a word that is a
# token as it is.
_SAME: dict[tuple[str, ...], tuple[str, str]] = {
    Pretokenizer(scheme=scheme).patterns: names
    for scheme, names in {
        "gpt2": ("gpt-2", ""),
        "llama3": ("dbrx", "llama-bpe"),
        "cl100k_2023": ("dbrx", "llama-bpe"),
        "qwen2": ("qwen2", ""),
        "qwen35": ("qwen35", ""),
        "deepseek_v3": ("deepseek-v3", ""),
    }.items()
}
_NEAREST = {
    "gpt2": ("gpt-2", "numbers are cut otherwise"),
    "cl100k": ("llama-bpe", "white space at the end of a text, which is one word here"),
    "cl100k_2023": ("llama-bpe", "numbers are cut otherwise"),
    "llama3": ("llama-bpe", "numbers are cut otherwise"),
    "qwen2": ("qwen2", "numbers are cut otherwise"),
    "qwen35": ("qwen35", "numbers are cut otherwise"),
    "deepseek_v3": ("deepseek-v3", "numbers are cut otherwise"),
    "o200k": ("gpt-4o", "marks and letters without case, which it takes otherwise"),
    "superbpe": ("tekken", "it cuts digits one by one and takes marks otherwise"),
    "superwords": ("superbpe", "it keeps punctuation with words"),
}
_KINDS = {"normal": 1, "control": 3, "user": 4, "unused": 5}
_ROLES = ("bos", "eos", "pad", "unk", "sep", "mask")


def pre_of(vocabulary: Vocabulary) -> str:
    """The name of llama.cpp's pretokenizer that gives the ids of this vocabulary.

    Raises RecipeError, with the nearest one, where none does.
    """
    model, cut = vocabulary.model, vocabulary.pretokenizer
    if not isinstance(model, ByteLevelBPE):
        near, why = model.nearest_gguf
        then = (
            "export the folder (--format tokenizer), and convert that with llama.cpp's own script"
            if model.opened
            else "encode by `Vocabulary.load` of its tokenizer.json"
        )
        raise RecipeError(
            f"a vocabulary of the family {model.name} has no GGUF here: the nearest model of llama.cpp is {near!r}, which has "
            f"{why}; {then}"
        )
    if vocabulary.normalizer != "none":
        raise RecipeError(
            f"llama.cpp does not normalize text ({vocabulary.normalizer}) before it merges bytes: learn the vocabulary with "
            "vocabulary.normalizer: none, and normalize texts before they come in"
        )
    names = _SAME.get(cut.patterns)
    if names is None:
        near, why = (
            ("gpt-2", "words") if cut.pattern or cut.lines else _NEAREST.get(cut.scheme, ("gpt-2", "words"))
        )
        shown = cut.pattern or f"{cut.scheme}, digits {cut.digits}{', lines' if cut.lines else ''}"
        raise RecipeError(
            f"llama.cpp has no pretokenizer that cuts as this vocabulary's ({shown}): the nearest is {near!r}, which differs in: "
            f"{why}; learn with one of {', '.join(sorted(_names()))}"
        )
    merging, whole = names
    if not model.ignore_merges:
        return merging
    if whole:
        return whole
    if (missed := _not_merged(vocabulary, model)) is not None:
        raise RecipeError(
            f"llama.cpp has no pretokenizer that cuts as this vocabulary's and takes words that are tokens as they are: "
            f"{merging!r} merges, and never makes token {missed}, {vocabulary.tokens[missed]!r}"
        )
    return merging


def export_gguf(asked: VocabularyExport, out: str) -> dict[str, Any]:
    """Write a vocabulary to the file `out`; returns what was written.

    Raises RecipeError for a vocabulary that llama.cpp would give other ids, without a token that ends text, and where the
    package `gguf` is not installed, CorruptionError for a text that would get other ids.
    """
    asked.check()
    vocabulary = asked.vocabulary
    pre = pre_of(vocabulary)
    _check(vocabulary, asked.roles, asked.prepend)
    folder, _, name = out.rpartition("/")
    if not name:
        raise RecipeError(f"{out} names a folder; name a file, such as {out}vocabulary.gguf")
    texts = [*GOLDEN, *asked.sample]
    with tempfile.TemporaryDirectory(prefix="pairloom-gguf-") as scratch:
        path = Path(scratch, "vocabulary.gguf")
        _write(asked, path, pre)
        _prove(vocabulary, path, texts)
        data = path.read_bytes()
    objects = open_objects(folder or ".")
    if not objects.put_if_absent(name, data) and objects.read(name) != data:
        raise RecipeError(f"{objects.uri(name)} is there with other content; choose another name")
    return {
        "format": "gguf",
        "model": "gpt2",
        "pre": pre,
        "n_vocab": len(vocabulary),
        "vocabulary": vocabulary.fingerprint,
        "sha256": hashlib.sha256(data).hexdigest(),
        "roles": dict(asked.roles),
        "proved_by": "pairloom, from the file read back",
        "proved_documents": len(texts),
        "proved_bytes": sum(len(text.encode()) for text in texts),
    }


def _names() -> set[str]:
    return {scheme for scheme in _NEAREST if Pretokenizer(scheme=scheme).patterns in _SAME}


def _not_merged(vocabulary: Vocabulary, model: ByteLevelBPE) -> int | None:
    """The first token that may be a word and that merging its bytes does not give; None where all are given."""
    bare = replace(
        vocabulary,
        model=replace(model, ignore_merges=False),
        special_tokens=(),
        special_ids=(),
        plain_tokens=(),
        late_tokens=(),
        text_ids=(),
        pretokenizer=Pretokenizer(scheme="none"),
    )
    added = set(vocabulary.added_ids)
    ids, words = [], []
    for i, token in enumerate(vocabulary.tokens):
        try:
            word = token.decode()
        except UnicodeDecodeError:
            continue  # no word is a part of a character
        if word and i not in added:
            ids.append(i)
            words.append(word)
    found = bare.encode(pa.array(words, pa.large_string()))
    return next((i for i, row in zip(ids, found.to_pylist(), strict=True) if row != [i]), None)


def _check(vocabulary: Vocabulary, roles: Mapping[str, str], prepend: Sequence[str]) -> None:
    model = vocabulary.model
    if not isinstance(model, ByteLevelBPE):  # `pre_of` has refused it
        raise TypeError(model.name)
    if "eos" not in roles:
        raise RecipeError(
            "llama.cpp takes token 11 for the end of text where a file names none: say which special token it is, by "
            "vocabulary.roles or --role eos=TOKEN"
        )
    if (byte_ids(vocabulary) < 0).any():
        raise RecipeError(
            "llama.cpp leaves out what no token spells: this vocabulary lacks tokens of single bytes"
        )
    if prepend and tuple(prepend) != (roles.get("bos"),):
        raise RecipeError(
            f"llama.cpp puts the bos token before a text or nothing, not {' '.join(prepend)}: give --role bos={prepend[0]}, "
            "or put one token there (tokenize.prepend)"
        )
    products = merge_products(vocabulary, model.merges)
    if model.ties_share_rank and len(np.unique(products)) < len(products):
        raise RecipeError(
            "llama.cpp gives every merge a rank of its own, and this vocabulary, of a .tiktoken file, has several merges into one "
            "token that share theirs: convert the model's own files with llama.cpp's script"
        )
    if (pair := _over_each_other(vocabulary.plain_tokens)) is not None:
        raise RecipeError(
            f"llama.cpp finds the longest plain token of a text first, not the leftmost, and {pair[0]!r} may begin inside "
            f"{pair[1]!r}: such tokens would get other ids there"
        )


def _over_each_other(plain: Sequence[str]) -> tuple[str, str] | None:
    """Two tokens that a text may have over each other, neither inside the other, so that order decides; None for none.

    >>> _over_each_other(["<ab", "b>c"]), _over_each_other(["<a>", "<ab>"]), _over_each_other(["  ", "   "])
    (('b>c', '<ab'), None, None)
    """
    begin: dict[str, list[str]] = {}
    for one in plain:
        for size in range(1, len(one)):
            begin.setdefault(one[:size], []).append(one)
    for other in plain:
        for size in range(1, len(other)):
            for one in begin.get(other[-size:], ()):
                # Of runs of one character the longest from the left on is the longest of all.
                if one != other and len({*one, *other}) > 1:
                    return one, other
    return None


def _write(asked: VocabularyExport, path: Path, pre: str) -> None:
    vocabulary, roles = asked.vocabulary, asked.roles
    writer = _library().GGUFWriter(str(path), "llama")
    writer.add_name("vocabulary")
    writer.add_description(
        f"Made by Pairloom{f' from {asked.origin}' if asked.origin else ''}; fingerprint {vocabulary.fingerprint}"
    )
    if asked.max_length is not None:
        writer.add_context_length(asked.max_length)
    spelled, kinds = _tokens(vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(spelled)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(spelled[i] for i in pair) for pair in vocabulary.model.merges.tolist()])
    ids = {role: vocabulary.special_id(roles[role]) for role in _ROLES if role in roles}
    for role, found in {"bos": ids["eos"], **ids}.items():
        getattr(writer, f"add_{role}_token_id")(found)
    writer.add_add_bos_token(bool(asked.prepend))
    writer.add_add_eos_token(False)
    if asked.chat_template is not None:
        writer.add_chat_template(asked.chat_template)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def _tokens(vocabulary: Vocabulary) -> tuple[list[str], list[int]]:
    """How each id is spelled in the file, and of which kind it is; raises RecipeError where two are spelled alike."""
    special = dict(zip(vocabulary.special_ids, vocabulary.special_tokens, strict=True))
    plain, both = set(vocabulary.plain_tokens), set(vocabulary.text_ids)
    spelled, kinds = [], []
    for i, token in enumerate(vocabulary.tokens):
        text = special.get(i)
        if not token:
            spelled.append(f"[PAD{i}]")
            kinds.append(_KINDS["unused"])
            continue
        spelled.append(to_alphabet(token) if text is None or i in both else text)
        kinds.append(_KINDS["normal" if text is None else "user" if text in plain else "control"])
    first: dict[str, int] = {}
    for i, text in enumerate(spelled):
        if (other := first.setdefault(text, i)) != i:
            raise RecipeError(
                f"tokens {other} and {i} are both {text!r} in a GGUF, whose special tokens are spelled beside the bytes of others"
            )
    return spelled, kinds


def _prove(vocabulary: Vocabulary, path: Path, texts: Sequence[str]) -> None:
    """Make a vocabulary of what the file says, and compare its ids."""
    read = _read(path, vocabulary)
    column = pa.array(texts, pa.large_string())
    for policy in ("text", "parse"):
        ours, theirs = (
            one.encode(column, special_tokens_in_text=policy).to_pylist() for one in (vocabulary, read)
        )
        for text, ids, found in zip(texts, ours, theirs, strict=True):
            if ids != found:
                raise CorruptionError(
                    f"nothing is written: {text[:80]!r} has the ids {ids[:20]}, and {found[:20]} from the GGUF file"
                )


def _read(path: Path, vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary that a GGUF file says, cut as `vocabulary` cuts."""
    fields = _library().GGUFReader(str(path)).fields

    def texts(key: str) -> list[str]:
        field = fields[key]
        return [bytes(field.parts[place]).decode() for place in field.data]

    kinds = [
        int(fields["tokenizer.ggml.token_type"].parts[i][0]) for i in fields["tokenizer.ggml.token_type"].data
    ]
    spelled = texts("tokenizer.ggml.tokens")
    both = {to_alphabet(vocabulary.tokens[i]) for i in vocabulary.text_ids}
    added = (_KINDS["control"], _KINDS["user"])
    tokens, special = [], {}
    for i, (text, kind) in enumerate(zip(spelled, kinds, strict=True)):
        spelling = from_alphabet(text) if kind not in added or text in both else text.encode()
        tokens.append(b"" if kind == _KINDS["unused"] or spelling is None else spelling)
        if kind in added:
            special[i] = tokens[-1].decode()
    place = {text: i for i, text in enumerate(spelled)}
    merges = [[place[part] for part in merge.split(" ")] for merge in texts("tokenizer.ggml.merges")]
    model = vocabulary.model
    whole = isinstance(model, ByteLevelBPE) and model.ignore_merges
    return Vocabulary(
        tokens=TokenTable.of(tokens),
        model=ByteLevelBPE(merges=np.array(merges, np.int32).reshape(-1, 2), ignore_merges=whole),
        special_tokens=tuple(special.values()),
        special_ids=tuple(special),
        plain_tokens=tuple(special[i] for i in special if kinds[i] == _KINDS["user"]),
        text_ids=vocabulary.text_ids,
        pretokenizer=vocabulary.pretokenizer,
    )


def _library() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise RecipeError("GGUF files need the package `gguf`; pip install 'pairloom[gguf]'") from error
    return gguf
