"""Metadata of a dataset in the vocabulary Croissant 1.0 of MLCommons, which is JSON-LD: its files, and the columns of tables."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["croissant_of"]

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA = {
    ".parquet": "application/x-parquet",
    ".json": "application/json",
    ".tar": "application/x-tar",
    ".csv": "text/csv",
}
_BINARY = "application/octet-stream"


def croissant_of(
    name: str,
    url: str,
    said: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    *,
    licence: str | None,
    table: Path | None,
) -> bytes:
    """The metadata: `files` have path, bytes and sha256, `table` is one of them that is Parquet, as it is here, if any is."""
    unit = said["unit"]
    described: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": f"{said[unit]:,} {unit} of the split {said['split']}, {said['tokens']:,} tokens, as {said['format']}",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "url": url,
        "version": f"{said['generation']}.0.0",
        **({} if licence is None else {"license": licence}),
        "distribution": [_repository(url), *(_file(one) for one in files)],
    }
    if table is not None:
        described["distribution"].append(
            {
                "@type": "cr:FileSet",
                "@id": "tables",
                "name": "tables",
                "containedIn": {"@id": "repo"},
                "encodingFormat": _MEDIA[".parquet"],
                "includes": "*.parquet",
            }
        )
        described["recordSet"] = [
            {
                "@type": "cr:RecordSet",
                "@id": unit,
                "name": unit,
                "field": _fields(unit, table, said.get("columns", {})),
            }
        ]
    return (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()


def _repository(url: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": "repo",
        "name": "repo",
        "description": "the repository, by git",
        "contentUrl": url,
        "encodingFormat": "git+https",
        "sha256": "https://github.com/mlcommons/croissant/issues/80",  # a repository has none; the vocabulary asks for it
    }


def _file(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": one["path"],
        "name": one["path"],
        "containedIn": {"@id": "repo"},
        "contentUrl": one["path"],
        "contentSize": f"{one['bytes']} B",
        "encodingFormat": _MEDIA.get(Path(one["path"]).suffix, _BINARY),
        "sha256": one["sha256"],
    }


def _fields(unit: str, table: Path, docs: Mapping[str, str]) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return [
        {
            "@type": "cr:Field",
            "@id": f"{unit}/{column.name}",
            "name": column.name,
            **({"description": docs[column.name]} if docs.get(column.name) else {}),
            "dataType": _kind(column.type),
            **({"repeated": True} if _is_list(column.type) else {}),
            "source": {"fileSet": {"@id": "tables"}, "extract": {"column": column.name}},
        }
        for column in pq.read_schema(table)
    ]


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _kind(kind: Any) -> str:
    import pyarrow as pa

    if _is_list(kind):
        return _kind(kind.value_type)
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Integer" if pa.types.is_integer(kind) else "sc:Text"
