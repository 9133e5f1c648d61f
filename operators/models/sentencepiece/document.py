"""A SentencePiece model as the `tokenizer.json` that `transformers` makes of such: near to its ids, in another library."""

import base64
from typing import Any

from pairloom.operators.models.sentencepiece import file as f

__all__ = ["document_of"]

_MARKER = "\u2581"


def document_of(model: f.ModelFile) -> dict[str, Any]:
    """The file as a JSON value."""
    special = [(i, piece) for i, piece in model.of_kind(f.UNKNOWN, f.CONTROL, f.USER)]
    scheme = "always" if model.dummy_prefix else "never"
    metaspace = {"type": "Metaspace", "replacement": _MARKER, "prepend_scheme": scheme}
    decoders: list[dict[str, Any]] = [{"type": "Replace", "pattern": {"String": _MARKER}, "content": " "}]
    if model.byte_fallback:
        decoders += [{"type": "ByteFallback"}, {"type": "Fuse"}]
    if model.dummy_prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": i,
                "content": piece.text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": piece.kind != f.USER,
            }
            for i, piece in special
        ],
        "normalizer": {"type": "Sequence", "normalizers": _normalizers(model)},
        "pre_tokenizer": {**metaspace, "split": model.family == "unigram"},
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": _unigram(model) if model.family == "unigram" else _bpe(model),
    }


def _normalizers(model: f.ModelFile) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if model.charsmap:
        coded = base64.b64encode(model.charsmap).decode()
        found.append({"type": "Precompiled", "precompiled_charsmap": coded})
    if model.remove_extra:
        found.append({"type": "Strip", "strip_left": True, "strip_right": True})
        found.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
    return found


def _unigram(model: f.ModelFile) -> dict[str, Any]:
    return {
        "type": "Unigram",
        "unk_id": model.unknown,
        "vocab": [[piece.text, piece.score] for piece in model.pieces],
        "byte_fallback": model.byte_fallback,
    }


def _bpe(model: f.ModelFile) -> dict[str, Any]:
    words = {piece.text: i for i, piece in enumerate(model.pieces)}
    order = sorted(model.of_kind(f.NORMAL), key=lambda one: -one[1].score)
    merges = [
        [piece.text[:i], piece.text[i:]]
        for _, piece in (order if model.family == "bpe" else ())
        for i in range(1, len(piece.text))
        if piece.text[:i] in words and piece.text[i:] in words
    ]
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": model.pieces[model.unknown].text,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": model.byte_fallback,
        "ignore_merges": False,
        "vocab": words,
        "merges": merges,
    }
