"""Vocabularies of Unigram and of BPE over characters as `.model` files, whose owner gives the same ids.

SentencePiece makes one of any two neighbours that are a piece together, the piece of the best score first; a `tokenizer.json` names
the pairs. Both are the same where every token is made once, of tokens that are made before it, and text that is spelled as a
token becomes it: then no two neighbours are ever spelled as a token but those that make it. What is learned here is so.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.sentencepiece import file as f
from pairloom.operators.models.sentencepiece.writing import write_model
from pairloom.operators.text.front.reading import MARKER, Front
from pairloom.operators.vocabulary.file_merges import NO_MERGES
from pairloom.operators.vocabulary.shape import parse_tokenizer_json

if TYPE_CHECKING:
    from pairloom.operators.encode.fronted_model import Fronted
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["model_of"]

_FLAGS = ("lstrip", "rstrip", "single_word")


def model_of(vocabulary: "Vocabulary", roles: Mapping[str, str] | None = None) -> bytes:
    """The `.model` of a vocabulary that is a `tokenizer.json` of a Unigram or of BPE over characters; see `Model.piece_model`."""
    model: Fronted = vocabulary.model  # type: ignore[assignment]
    document, before = parse_tokenizer_json(model.data), _front(model.front)
    made = write_model(
        f.ModelFile(
            pieces=tuple(_pieces(vocabulary, document)),
            family=_family(document["model"]),
            byte_fallback=_falls_back(document["model"], vocabulary),
            unk_surface=vocabulary.tokens[_unknown(document["model"])].decode(),
            **before,
        ),
        roles,
    )
    try:
        f.read_model(made)
    except DataError as error:
        raise _cannot(str(error).partition(": ")[2]) from error
    if document["model"]["type"] == "BPE":
        _check_merges(vocabulary, document["model"])
    return made


def _family(model: Mapping[str, Any]) -> str:
    if model["type"] == "Unigram":
        return "unigram"
    return "bpe" if len(model.get("merges") or ()) else "char"


def _front(front: Front) -> dict[str, Any]:
    """What is done to text before, as fields of a `ModelFile`."""
    kinds = [step["type"] for step in front.steps]
    if front.whole is not None or kinds not in ([], ["Precompiled"]):
        raise _cannot(
            f"its normalizer {front.whole or ', '.join(kinds)} is no map of characters: learn with vocabulary.normalizer: none"
        )
    if front.words or not (front.marker or front == Front(steps=front.steps)):
        raise _cannot(f"its spaces do not become {MARKER!r} one by one, nor stay what they are")
    joins = (front.runs, "l" in front.strip, "r" in front.strip)
    if any(joins) and not all(joins):
        raise _cannot("it takes white space off some sides of a text, and not off all with what is double")
    if not front.prepend and (front.prefix == "first" or (front.prefix == "always" and not front.runs)):
        raise _cannot(f"it puts {MARKER!r} before a text only where the text does not begin with one")
    coded = front.steps[0]["precompiled_charsmap"] if front.steps else ""
    return {
        "charsmap": base64.b64decode(coded),
        "dummy_prefix": front.prepend or front.prefix == "always",
        "remove_extra": front.runs,
        "escape": front.marker,
    }


def _unknown(model: Mapping[str, Any]) -> int:
    if model["type"] == "Unigram":
        return int(model["unk_id"])
    if model.get("unk_token") is None:
        raise _cannot("it has no token for what is unknown")
    return int(model["vocab"][model["unk_token"]])


def _falls_back(model: Mapping[str, Any], vocabulary: "Vocabulary") -> bool:
    names = {f"<0x{byte:02X}>".encode() for byte in range(256)}
    falls = bool(model.get("byte_fallback")) and names <= set(vocabulary.tokens)
    if not falls and model["type"] == "BPE" and not model.get("fuse_unk"):
        raise _cannot(
            "each character that it does not know is a token of its own, where a .model has one for all in a row"
        )
    return falls


def _pieces(vocabulary: "Vocabulary", document: Mapping[str, Any]) -> list[f.Piece]:
    model, unknown = document["model"], _unknown(document["model"])
    byte_ids = range(256) if _falls_back(model, vocabulary) else ()
    names = {f"<0x{byte:02X}>" for byte in byte_ids}
    kinds = _kinds(vocabulary, document)
    kinds[unknown] = f.UNKNOWN
    scores = _scores(model, len(vocabulary))
    pieces = [
        f.Piece(text, float(np.float32(score)), kinds.get(i, f.BYTE if text in names else f.NORMAL))
        for i, (text, score) in enumerate(
            zip((token.decode() for token in vocabulary.tokens), scores, strict=True)
        )
    ]
    if odd := next((p.text for p in pieces if "\0" in p.text), None):
        raise _cannot(
            f"its token {odd!r} has a NUL, which no piece may have: take NULs out of the text (clean_text), and learn again"
        )
    _check_pieces(pieces, scores, front=vocabulary.model.front)  # type: ignore[attr-defined]
    return [f.Piece(p.text, p.score if p.kind == f.NORMAL else 0.0, p.kind) for p in pieces]


def _kinds(vocabulary: "Vocabulary", document: Mapping[str, Any]) -> dict[int, int]:
    """The kinds of added tokens: control pieces, and symbols of the user, of which a text may have many."""
    kinds = {}
    for one in document.get("added_tokens") or ():
        if flags := [flag for flag in _FLAGS if one.get(flag)]:
            raise _cannot(f"its added token {one['content']!r} has {', '.join(flags)}")
        kinds[one["id"]] = f.CONTROL if one.get("special") else f.USER
    front: Front = vocabulary.model.front  # type: ignore[attr-defined]
    user = next((i for i, kind in kinds.items() if kind == f.USER), None)
    if user is not None and (front.prepend or front.prefix != "never" or front.runs or front.steps):
        raise _cannot(
            f"its added token {vocabulary.tokens[user].decode()!r} begins a text anew behind it, as no symbol of a .model does"
        )
    return kinds


def _scores(model: Mapping[str, Any], size: int) -> list[float]:
    if model["type"] == "Unigram":
        found = [score for _, score in model["vocab"]]
        return found + [0.0] * (size - len(found))
    scores = np.zeros(size)
    sides = (model.get("merges") or NO_MERGES).sides
    words = list(model["vocab"])
    ids = np.fromiter(model["vocab"].values(), np.int64, len(words))
    parts: set[int] = set()
    for rank, (left, right) in enumerate(sides.tolist()):
        made = model["vocab"][words[left] + words[right]]
        if scores[made]:
            raise _cannot(f"two of its merges make {words[left] + words[right]!r}, which has one score there")
        if made in parts:
            raise _cannot(
                f"its merge {rank} makes {words[left] + words[right]!r}, of which one before it is made"
            )
        parts |= {int(ids[left]), int(ids[right])}
        scores[made] = -float(rank + 1)
    alone = scores == 0
    scores[alone] = -float(len(sides)) - 1 - np.arange(int(alone.sum()))
    return [float(score) for score in scores]


def _check_pieces(pieces: Sequence[f.Piece], scores: Sequence[float], *, front: Front) -> None:
    """Raise RecipeError for pieces that would be used otherwise."""
    normal = [piece for piece in pieces if piece.kind == f.NORMAL]
    if not front.marker and (marked := next((one.text for one in normal if MARKER in one.text), None)):
        raise _cannot(
            f"its token {marked!r} is decoded as a space there; write a tokenizer.json (--format tokenizer), "
            "or learn from text without it"
        )
    if front.cut == "marker" and (
        across := next((one.text for one in normal if MARKER in one.text[1:]), None)
    ):
        raise _cannot(f"its token {across!r} goes over a space, at which it cuts text")
    there = {piece.text for piece in normal}
    lacks = next(
        (one.text for one in normal if len(one.text) > 1 and any(char not in there for char in one.text)),
        None,
    )
    least = min((piece.score for piece in normal), default=0.0)
    # A character without a piece is worse by ten than the worst of all: of those that a .model has for text, or of all here.
    if lacks is not None and least != float(np.float32(min(scores))):
        raise _cannot(f"its token {lacks!r} has characters that are no tokens")


def _check_merges(vocabulary: "Vocabulary", model: Mapping[str, Any]) -> None:
    """Raise RecipeError where text that is spelled as a token does not become it."""
    added = set(vocabulary.special_ids)
    ids = [
        i
        for token, i in model["vocab"].items()
        if len(token) > 1 and i not in added and not (token.startswith("<0x") and len(token) == 6)
    ]
    texts = [vocabulary.tokens[i].decode().replace(MARKER, " ") for i in ids]
    bare = json.loads(vocabulary.model.data)  # type: ignore[attr-defined]
    if (front := vocabulary.model.front).prepend or front.prefix != "never" or front.runs or front.strip:  # type: ignore[attr-defined]
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": MARKER}
        bare |= {"normalizer": replace, "pre_tokenizer": None}
    plain = type(vocabulary).from_json(json.dumps(bare).encode())
    found = plain.encode(pa.array(texts, pa.large_string())).to_pylist()
    if (wrong := next((i for i, row in zip(ids, found, strict=True) if row != [i]), None)) is not None:
        raise _cannot(
            f"its merges do not make its token {vocabulary.tokens[wrong].decode()!r} of its own text"
        )


def _cannot(why: str) -> RecipeError:
    return RecipeError(f"a .model of SentencePiece cannot say this vocabulary: {why}")
