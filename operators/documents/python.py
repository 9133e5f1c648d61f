"""The step that calls a function of yours."""

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pairloom.operators.documents import DocumentBatch, DocumentStep
from pairloom.operators.documents._code import function_of, load
from pairloom.operators.documents._step import checked
from pairloom.operators.errors import DataError, RecipeError

__all__ = ["Python"]

_CALL = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_FRAMES = 3
_DETAIL = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Python(DocumentStep):
    """Calls `package.module:function` with each batch of documents.

    The function gets a `DocumentBatch`, with those of `fields` that were read, and returns one (`drop`, `reject`,
    `with_content`, `with_fields`), or which documents to keep: an array or list of true and false for each, or such a mask
    and the reason why the others are left out. It is pure, and what becomes of a document depends on that document alone.

    Its identity is the `version` that is declared, with the SHA-256 of the module's file; raise `version` where something
    changes that is not in that file. Where it raises an exception, the documents that it raises it for are rejected, with
    the last lines of the traceback as their dead letters' detail, or the run fails (`on_error`).
    """

    name = "python"

    call: str
    # A constant of other steps; here the recipe says it, and must.
    version: str = field()  # type: ignore[misc]
    fields: tuple[str, ...] = ()
    on_error: Literal["reject", "fail"] = "fail"

    def __post_init__(self) -> None:
        if not _CALL.fullmatch(self.call):
            raise ValueError(
                f'call is "package.module:function", a name that can be imported, not {self.call!r}'
            )
        if self.call.startswith("__main__:"):
            raise ValueError(
                "call names __main__, which is another module on every worker: put the function into a module"
            )
        if not self.version:
            raise ValueError(
                "version must not be empty: it says which of your versions of the function this is"
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields that the function reads."""
        return self.fields

    @property
    def label(self) -> str:
        """The function."""
        return f"python {self.call}"

    def identity(self) -> object:
        """The keys, and the hash of the module's file, which is loaded."""
        keys = [self.call, self.version, list(self.fields), self.on_error]
        return {"name": self.name, "keys": keys, "module": load(self.call)}

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """What the function makes of documents."""
        return self._called(function_of(self.call), batch)

    def _called(self, function: Callable[[DocumentBatch], Any], batch: DocumentBatch) -> DocumentBatch:
        try:
            made = function(batch)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a stranger's function raises)
            return self._failed(function, batch, error)
        return checked(self.label, batch, self._taken(batch, made))

    def _failed(
        self, function: Callable[[DocumentBatch], Any], batch: DocumentBatch, error: BaseException
    ) -> DocumentBatch:
        """Find the documents that the function fails for, by halves."""
        if len(batch) > 1:
            half = len(batch) // 2
            parts = [self._called(function, batch.part(a, b)) for a, b in ((0, half), (half, len(batch)))]
            try:
                return DocumentBatch.concat(parts)
            except ValueError as differ:
                raise RecipeError(f"the step {self.label}: {differ}") from differ
        detail = self._detail(error)
        if self.on_error == "fail":
            raise DataError(
                f"the step {self.label} failed for the document at {batch.place(0)}: {detail}. Correct the function, or set "
                "on_error: reject"
            ) from error
        return batch.reject([True], "step_failed", f"{self.label}: {detail}")

    def _detail(self, error: BaseException) -> str:
        """The last lines of the traceback: the same on every machine, since dead letters are."""
        frames = traceback.extract_tb(error.__traceback__)[1:][-_FRAMES:]
        lines = [f"{Path(one.filename).name}, line {one.lineno}, in {one.name}: {one.line}" for one in frames]
        said = _ADDRESS.sub("0x…", f"{type(error).__name__}: {error}")
        return "; ".join([*lines, said])[-_DETAIL:]

    def _taken(self, batch: DocumentBatch, made: Any) -> Any:
        """What a function returned as documents."""
        if isinstance(made, DocumentBatch):
            return made
        mask, reason = made, ""
        if isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], str):
            mask, reason = made
        try:
            keep = batch.mask(mask)
        except (TypeError, ValueError) as error:
            raise RecipeError(
                f"the step {self.label} returned {type(made).__name__}, which is neither documents nor a mask of true (keep) "
                f"and false for each of the {len(batch)}: {error}"
            ) from error
        return batch.drop(~keep, reason)
