"""The `.model` file of SentencePiece, written: what `read_model` reads, and what only the owner's own tools look for."""

from collections.abc import Mapping

from pairloom.operators.models.sentencepiece import file as f
from pairloom.operators.models.sentencepiece.wire import field

__all__ = ["write_model"]

_TYPES = {"unigram": 1, "bpe": 2, "word": 3, "char": 4}
# Fields of the trainer's options: the id and the piece of each role, and what the role's piece is where there is none.
_ROLES = {"unk": (40, 45, "<unk>"), "bos": (41, 46, "<s>"), "eos": (42, 47, "</s>"), "pad": (43, 48, "<pad>")}


def write_model(model: f.ModelFile, roles: Mapping[str, str] | None = None) -> bytes:
    r"""The file of a model; `roles` says which pieces are bos, eos and pad.

    >>> pieces = (f.Piece("<unk>", 0.0, f.UNKNOWN), f.Piece("a", -1.0, f.NORMAL))
    >>> model = f.ModelFile(pieces=pieces, family="unigram", dummy_prefix=False)
    >>> f.read_model(write_model(model)) == model
    True
    """
    return b"".join(
        [
            *(field(1, _piece(piece)) for piece in model.pieces),
            field(2, _trainer(model, {**(roles or {}), "unk": model.pieces[model.unknown].text})),
            field(3, _normalizer(model)),
        ]
    )


def _piece(piece: f.Piece) -> bytes:
    kind = b"" if piece.kind == f.NORMAL else field(3, piece.kind)
    return field(1, piece.text.encode()) + field(2, float(piece.score)) + kind


def _trainer(model: f.ModelFile, roles: Mapping[str, str]) -> bytes:
    ids = {piece.text: i for i, piece in model.of_kind(f.UNKNOWN, f.CONTROL)}
    named = {role: roles.get(role, name) for role, (_, _, name) in _ROLES.items()}
    parts = [field(3, _TYPES[model.family]), field(4, len(model.pieces)), field(24, int(model.suffix))]
    others = [text for text in ids if text not in named.values()]
    parts += [field(30, text.encode()) for text in others]
    parts += [field(31, piece.text.encode()) for _, piece in model.of_kind(f.USER)]
    parts.append(field(35, int(model.byte_fallback)))
    parts += [field(number, ids.get(named[role], -1)) for role, (number, _, _) in _ROLES.items()]
    parts.append(field(44, model.unk_surface.encode()))
    parts += [field(number, named[role].encode()) for role, (_, number, _) in _ROLES.items()]
    return b"".join(parts)


def _normalizer(model: f.ModelFile) -> bytes:
    name = b"user_defined" if model.charsmap else b"identity"
    charsmap = field(2, model.charsmap) if model.charsmap else b""
    flags = ((3, model.dummy_prefix), (4, model.remove_extra), (5, model.escape))
    return field(1, name) + charsmap + b"".join(field(number, int(there)) for number, there in flags)
