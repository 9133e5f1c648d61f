"""Reading and writing a `tokenizer.json` of byte-level BPE, the file that `tokenizers` and `transformers` load.

Written are canonical bytes: one vocabulary, one file. What the format has no place for (the name of the scheme, the
version of Unicode, golden documents) is kept under `model.pairloom`: `tokenizers` ignores keys that it does not know
inside `model`, and refuses them at the top. A file that was saved again by another tool has lost them, and reads
the same.

Read are byte-level BPE files as published for GPT-2, Llama 3, Qwen, DeepSeek-V3 and the ports of cl100k and o200k.
Ids that no token has become empty tokens, which no text encodes to. Any other file is left to other models, with the reason.
"""

import itertools
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models import Entries, OtherModelError
from pairloom.operators.models.bpe.added import is_one_word, library_ids, read_added
from pairloom.operators.models.bpe.word import MOST_IDS
from pairloom.operators.text.normalize import NORMAL_FORMS_VERSION, NORMALIZERS
from pairloom.operators.text.pretokenize import UNICODE_VERSION, Pretokenizer
from pairloom.operators.text.pretokenize.schemes import DIGITS, SCHEMES
from pairloom.operators.vocabulary.file_merges import NO_MERGES, FileMerges
from pairloom.operators.vocabulary.tokens import (
    TokenTable,
    alphabet_bytes,
    check_ids,
    from_alphabet,
    to_alphabet,
)

__all__ = ["FORMAT", "byte_level_file", "read_byte_level", "read_entries", "write_byte_level"]

FORMAT = 1

# Schemes whose patterns match every text from its start to its end.
_COVERING = set(SCHEMES) - {"deepseek_v3", "superwords", "none"}

# To normalize twice to one form is to do so once.
_FORMS = {form.upper(): form for form in NORMALIZERS if form != "none"}

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def write_byte_level(
    vocabulary: Entries, options: Mapping[str, bool], merges: npt.NDArray[np.int32], golden: list[list[Any]]
) -> bytes:
    """The canonical `tokenizer.json` of a byte-level vocabulary; `options` are `ignore_merges` and `ties_share_rank`.

    Raises RecipeError where two tokens have one spelling, since the file could not tell them apart.
    """

    def reached(special: str) -> bool:
        return options["ignore_merges"] and is_one_word(special, vocabulary.pretokenizer)

    own = {"ties_share_rank": options["ties_share_rank"]}
    document, spelling = byte_level_file(vocabulary, own, golden, reached=reached)
    document["model"] = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": options["ignore_merges"],
        **document["model"],
        "merges": [[spelling[left], spelling[right]] for left, right in merges.tolist()],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def byte_level_file(
    vocabulary: Entries, own: Mapping[str, Any], golden: list[list[Any]], *, reached: Callable[[str], bool]
) -> tuple[dict[str, Any], list[str]]:
    """A `tokenizer.json` over the byte-level alphabet, with only `pairloom` and `vocab` of its model; how tokens are spelled.

    `own` is what is kept beside the golden documents for a model; `reached` says whether text would become a special token that
    stands in the model. Raises RecipeError where two tokens have one spelling, and where a special token would be reached.
    """
    special = dict(zip(vocabulary.special_ids, vocabulary.special_tokens, strict=True))
    words, spelling = _words(vocabulary, special, left_out=vocabulary.added_ids)
    if any(i != found for i, found in _numbered(special, words).items()):
        # They do not get their ids from `tokenizers` by themselves, and have to stand in the model.
        words, spelling = _words(vocabulary, special, left_out=())
        for i in vocabulary.added_ids:
            if reached(special[i]):
                raise RecipeError(
                    f"the special token {special[i]!r} would be a word of the text in a tokenizer.json: its id {i} is not "
                    "one that `tokenizers` gives it by itself; choose a special token that is no word"
                )
    plain, late = set(vocabulary.plain_tokens), set(vocabulary.late_tokens)
    added = [
        {
            "id": i,
            "content": text,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": text in late,
            "special": text not in plain,
        }
        for i, text in sorted(special.items())
    ]
    pretokenizer = vocabulary.pretokenizer
    extras = {
        "format": FORMAT,
        "unicode": UNICODE_VERSION,
        "scheme": pretokenizer.scheme,
        "digits": pretokenizer.digits,
        "pattern": pretokenizer.pattern,
        **({"lines": True} if pretokenizer.lines else {}),
        **({} if vocabulary.normalizer == "none" else {"normal_forms": NORMAL_FORMS_VERSION}),
        **own,
        "golden": golden,
    }
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None if vocabulary.normalizer == "none" else {"type": vocabulary.normalizer.upper()},
        "pre_tokenizer": _write_pretokenizer(pretokenizer),
        "post_processor": json.loads(vocabulary.post_processor) if vocabulary.post_processor else None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"pairloom": extras, "vocab": words},
    }
    return document, spelling


def _words(
    vocabulary: Entries, special: Mapping[int, str], *, left_out: Collection[int]
) -> tuple[dict[str, int], list[str]]:
    """The `vocab` of a file, without the ids that are `left_out`, and how each token is spelled."""
    absent = set(left_out)
    words: dict[str, int] = {}
    spelling: list[str] = []
    for i, token in enumerate(vocabulary.tokens):
        text = special[i] if i in special else to_alphabet(token)
        spelling.append(text)
        if not text or i in absent:
            continue
        if text in words:
            raise RecipeError(
                f"tokens {words[text]} and {i} are both spelled {text!r} in a tokenizer.json; "
                "choose a special token that is no token of the text"
            )
        words[text] = i
    return words, spelling


def _numbered(special: Mapping[int, str], words: Mapping[str, int]) -> dict[int, int]:
    """The id that `tokenizers` gives each special token, by its own."""
    found = library_ids([special[i] for i in sorted(special)], words)
    return {i: found[content] for i, content in special.items()}


def _write_pretokenizer(pretokenizer: Pretokenizer) -> dict[str, Any]:
    if pretokenizer == Pretokenizer(scheme="gpt2"):
        return _BYTE_LEVEL
    last = {**_BYTE_LEVEL, "use_regex": False}
    splits = [
        {"type": "Split", "pattern": {"Regex": p}, "behavior": "Isolated", "invert": False}
        for p in pretokenizer.patterns
    ]
    return {"type": "Sequence", "pretokenizers": [*splits, last]}


def _spelled(pattern: str) -> str:
    # One spelling for what published files spell in several ways. `{1,3}+` is none of them: to Oniguruma it is not
    # possessive but a repetition of a repetition, which joins whole numbers.
    return pattern.replace("\r", r"\r").replace("\n", r"\n")


def _known() -> dict[tuple[str, ...], Pretokenizer]:
    known: dict[tuple[str, ...], Pretokenizer] = {}
    for lines, digits, scheme in itertools.product((False, True), ("keep", *DIGITS), SCHEMES):
        named = Pretokenizer(scheme=scheme, digits=digits, lines=lines)
        known.setdefault(tuple(_spelled(p) for p in named.patterns), named)
    return known


def read_byte_level(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], list[list[Any]]]:
    """The fields of a Vocabulary and of its ByteLevelBPE, and its golden documents as [text, ids].

    Raises OtherModelError for a file that is not byte-level BPE as it is encoded here, DataError for a damaged one, RecipeError
    for one written under another version of Unicode.
    """
    model = document["model"]
    for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"):
        if model.get(key):
            raise OtherModelError(f"its model has {key}={model[key]!r}")
    words: dict[str, int] = model["vocab"]
    made = model.get("merges") or NO_MERGES
    if model.get("unk_token") is not None and any(to_alphabet(bytes([b])) not in words for b in range(256)):
        raise OtherModelError("its unk_token stands for bytes that have no token")
    fields, extras = read_entries(document, made, whole=bool(model.get("ignore_merges")))
    merges = np.fromiter(words.values(), np.int32, len(words))[made.sides]
    own = {
        "merges": merges,
        "ignore_merges": bool(model.get("ignore_merges")),
        "ties_share_rank": bool(extras.get("ties_share_rank")),
    }
    return fields, own, extras.get("golden") or []


def read_entries(
    document: Mapping[str, Any], merges: FileMerges, *, whole: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a Vocabulary but its model, and what is kept under `model.pairloom`, of a file over the byte-level alphabet.

    `merges` and `whole` as of `read_added`; raises as `read_byte_level` does.
    """
    model = document["model"]
    extras = model.get("pairloom") or {}
    _check_versions(extras)
    pretokenizer = _read_pretokenizer(document.get("pre_tokenizer"), extras)
    normalizer = _read_normalizer(document.get("normalizer"))
    words: dict[str, int] = model["vocab"]
    added = read_added(
        document.get("added_tokens") or [],
        words,
        merges,
        whole=whole,
        pretokenizer=pretokenizer,
        normalizer=normalizer,
    )
    special = added.tokens
    size = max([*words.values(), *special], default=-1) + 1
    check_ids(size, len(words) + len(special))
    if size > MOST_IDS:
        raise OtherModelError(f"its ids run to {size - 1}, past {MOST_IDS - 1}")
    tokens = _tokens(words, special, size)
    post = document.get("post_processor")
    fields = {
        "tokens": tokens,
        "special_tokens": tuple(special[i] for i in sorted(special)),
        "special_ids": tuple(sorted(special)),
        "plain_tokens": added.plain,
        "late_tokens": added.late,
        "text_ids": added.both,
        "pretokenizer": pretokenizer,
        "normalizer": normalizer,
        "post_processor": json.dumps(post, ensure_ascii=False, separators=(",", ":")) if post else "",
    }
    return fields, extras


def _tokens(words: Mapping[str, int], special: Mapping[int, str], size: int) -> TokenTable:
    """The bytes of `size` ids, of `words` over the byte-level alphabet and of special tokens.

    Raises OtherModelError for a word that is not spelled in the alphabet, DataError for two of one id.
    """
    own = dict(words)
    for token, content in special.items():
        if own.get(content) == token:
            del own[content]
    raw = alphabet_bytes("".join(own))
    if raw is None or len(set(own.values())) < len(own):
        tokens = _tokens_one_by_one(words, special, size)
        for token, content in special.items():
            tokens[token] = content.encode()
        return TokenTable.of(tokens)
    contents = [content.encode() for content in special.values()]
    lengths = np.fromiter(map(len, itertools.chain(own, contents)), np.int64, len(own) + len(contents))
    found = TokenTable(
        np.concatenate([raw, np.frombuffer(b"".join(contents), np.uint8)]),
        np.concatenate([[0], np.cumsum(lengths), [lengths.sum()]]),
    )
    chosen = np.full(size, len(lengths), np.int64)  # the last is empty: an id without a token
    chosen[np.fromiter(itertools.chain(own.values(), special), np.int64, len(lengths))] = np.arange(
        len(lengths)
    )
    return found.take(chosen)


def _tokens_one_by_one(words: Mapping[str, int], special: Mapping[int, str], size: int) -> list[bytes]:
    """The same of words of which some are no text, or share an id: raises for the first at fault."""
    tokens = [b""] * size
    for word, token in words.items():
        spelled = word.encode() if token in special else from_alphabet(word)
        if spelled is None:
            raise OtherModelError(f"its token {word!r} is not spelled in the byte-level alphabet")
        if tokens[token]:
            raise DataError(f"two tokens of this tokenizer.json have id {token}, one is {word!r}")
        tokens[token] = spelled
    return tokens


def _check_versions(extras: Mapping[str, Any]) -> None:
    if extras.get("format", FORMAT) != FORMAT:
        raise RecipeError(f"this tokenizer.json has format {extras['format']}, this version reads {FORMAT}")
    if extras.get("unicode", UNICODE_VERSION) != UNICODE_VERSION:
        raise RecipeError(
            f"this tokenizer.json was written under Unicode {extras['unicode']}, this version has {UNICODE_VERSION}"
        )
    if extras.get("normal_forms", NORMAL_FORMS_VERSION) != NORMAL_FORMS_VERSION:
        raise RecipeError(
            f"this tokenizer.json normalizes by Unicode {extras['normal_forms']}, this version by {NORMAL_FORMS_VERSION}"
        )


def _read_normalizer(node: dict[str, Any] | None) -> str:
    """The form, where all that is done to text is one form; whatever else is done is left to the library, all of it."""
    if node is None:
        return "none"
    if node["type"] == "Sequence":
        named = {_read_normalizer(part) for part in node["normalizers"]} - {"none"}
        if len(named) > 1:
            raise OtherModelError(f"its normalizer is a sequence of {', '.join(sorted(named))}")
        return named.pop() if named else "none"
    form = _FORMS.get(node["type"])
    if form is None:
        raise OtherModelError(f"its normalizer is {node['type']}")
    return form


def _read_pretokenizer(node: dict[str, Any] | None, extras: dict[str, Any]) -> Pretokenizer:
    if node is None:
        raise OtherModelError("it has no byte-level pre-tokenizer")
    parts = node["pretokenizers"] if node["type"] == "Sequence" else [node]
    last = parts[-1] if parts else {"type": "nothing"}
    if last["type"] != "ByteLevel":
        raise OtherModelError(f"its pre-tokenizer ends in {last['type']}, not in ByteLevel")
    if last.get("add_prefix_space"):
        raise OtherModelError("its pre-tokenizer adds a space before the text")
    if last.get("use_regex", True):
        if len(parts) > 1:
            raise OtherModelError("its pre-tokenizer splits before a ByteLevel that splits again")
        return Pretokenizer(scheme="gpt2")
    found = []
    isolated = True
    for part in parts[:-1]:
        if part["type"] != "Split" or "Regex" not in part["pattern"]:
            raise OtherModelError(f"its pre-tokenizer has a {part['type']} that is not a split by a pattern")
        behavior = (part["behavior"], bool(part.get("invert")))
        # Patterns that cover every text may as well remove what they do not match.
        if behavior == ("Removed", True):
            isolated = False
        elif behavior != ("Isolated", False):
            raise OtherModelError(f"its pre-tokenizer splits with {behavior[0]}, invert={behavior[1]}")
        found.append(part["pattern"]["Regex"])
    if extras and isolated and tuple(map(_spelled, found)) == _spellings(extras):
        return _named(extras)
    known = _known().get(tuple(map(_spelled, found)))
    if known is not None and (isolated or (len(found) == 1 and known.scheme in _COVERING)):
        return known
    if len(found) != 1 or not isolated:
        raise OtherModelError("its pre-tokenizer is a sequence of patterns that no scheme here has")
    return _own(found[0])


def _own(pattern: str) -> Pretokenizer:
    try:
        return Pretokenizer(pattern=pattern)
    except ValueError as error:
        raise RecipeError(f"this tokenizer.json cannot be run as written: {error}") from error


def _spellings(extras: dict[str, Any]) -> tuple[str, ...]:
    return tuple(map(_spelled, _named(extras).patterns))


def _named(extras: dict[str, Any]) -> Pretokenizer:
    return Pretokenizer(
        scheme=extras["scheme"],
        digits=extras["digits"],
        pattern=extras["pattern"],
        lines=extras.get("lines", False),
    )
