"""What models of the `tokenizers` library's families are, that kernels encode: the file, and what it does to text first."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pairloom.operators.models import OtherModelError, Read, TokenizerFile
from pairloom.operators.models.foreign import Foreign, ForeignTables, read_fields
from pairloom.operators.text.front import Front, UnknownFrontError, read_front
from pairloom.operators.text.front.characters import WHITE_SPACE
from pairloom.operators.text.front.reading import MARKER

if TYPE_CHECKING:
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Fronted"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fronted(Foreign):
    """A `tokenizer.json` of the library, whose words kernels encode; `front` is what it does to text before."""

    front: Front

    @property
    def slow(self) -> str | None:
        """That the library normalizes all text, where it does."""
        if self.front.whole is None:
            return None
        return f"normalized by the `tokenizers` library, because its normalizer has {self.front.whole}"

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """As `Foreign`; raises OtherModelError for a file that does to text what is not known here."""
        fields = read_fields(file)  # says what to do where the library is not installed
        from tokenizers import normalizers, pre_tokenizers

        normalizer = normalizers.Sequence([])
        try:
            front = read_front(
                _canonical(file.document.get("normalizer"), normalizer),
                _canonical(file.document.get("pre_tokenizer"), pre_tokenizers.Sequence([])),
            )
        except UnknownFrontError as error:
            raise OtherModelError(file.why if _is_byte_level(file.document) else str(error)) from error
        for one in file.document.get("added_tokens") or ():
            if one["normalized"] and any(
                not WHITE_SPACE.sub("", text.replace(MARKER, ""))
                for text in (one["content"], normalizer.normalize_str(one["content"]))
            ):
                raise OtherModelError(f"its added token {one['content']!r} is looked for in normalized text")
        if (why := cls.refuses(file, front)) is not None:
            raise OtherModelError(why)
        return Read(fields | {"model": cls(data=file.data, reason=file.why, front=front)})

    @classmethod
    @abstractmethod
    def refuses(cls, file: TokenizerFile, front: Front) -> str | None:
        """Why the model of a file, behind this front, is not encoded here, as "its …"; None where it is."""

    def piece_model(self, vocabulary: "Vocabulary", roles: Mapping[str, str]) -> bytes:
        """As `Model`, of a family that is `as_pieces`."""
        if not self.as_pieces:
            return super(Fronted, self).piece_model(vocabulary, roles)
        from pairloom.operators.models.sentencepiece.converted import model_of

        return model_of(vocabulary, roles)

    def library(self, dtype: "np.dtype[Any]") -> ForeignTables:
        """The library's tokenizer."""
        return ForeignTables(Foreign(data=self.data, reason=self.reason), dtype)


def _is_byte_level(document: Mapping[str, Any]) -> bool:
    return "ByteLevel" in json.dumps(document.get("pre_tokenizer"))


def _canonical(node: Any, empty: Any) -> Any:
    """A normalizer or a pretokenizer as the library writes it, with all that an older file leaves out."""
    if node is None:
        return None
    empty.__setstate__(json.dumps(node).encode())
    return json.loads(empty.__getstate__())
