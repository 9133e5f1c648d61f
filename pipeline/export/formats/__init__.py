"""Formats that committed data is exported in, a file each, and those that other distributions bring.

    rows or documents ── Exporter.write ──▶ data files, then an index ──▶ export.json, which makes them visible

The folder is claimed before, and counts are compared after: a format only says how its files are written.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from pairloom.operators.registry import Registry

if TYPE_CHECKING:
    from pairloom.pipeline.export.source import Source
    from pairloom.pipeline.export.target import Target

__all__ = ["EXPORTERS", "Exporter"]


class Exporter(ABC):
    """A format.

    `unit` is what it holds unless asked otherwise: trainers that cut and shuffle by themselves get documents, those that take
    samples as they are get rows. `owned` is a pattern of the names of its files, which an interrupted export may leave and the
    next one removes. `columns` says whether it has a place for further columns of tokens and documents,
    `holds` which columns of tokens it has a place for, where it has none for others.
    """

    name: ClassVar[str]
    unit: ClassVar[Literal["rows", "documents"]]
    owned: ClassVar[str]
    columns: ClassVar[bool] = False
    holds: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def write(self, source: "Source", target: "Target") -> str:
        """Write everything that `source` hands out to `target`; the dtype of ids, for `export.json`."""


EXPORTERS: Registry[Exporter] = Registry(
    kind="format",
    package="pairloom.pipeline.export.formats",
    base="pairloom.pipeline.export.formats:Exporter",
    group="pairloom.exports",
)
