"""`pairloom init`: a recipe for files that are there, with comments."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairloom.jobs.show.amounts import many

if TYPE_CHECKING:
    from pairloom.pipeline.inputs.proposing import Proposed

__all__ = ["init_command"]

STDOUT = Path("-")


def init_command(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATHS]...", help="folders and files; otherwise here")
    ] = None,
    out: Annotated[Path, typer.Option(help="where the recipe goes; - is standard output")] = Path(
        "recipe.yaml"
    ),
    root: Annotated[str, typer.Option(help="where the run will write to")] = "./out",
    force: Annotated[bool, typer.Option("--force", help="write over a recipe that is there")] = False,
) -> None:
    """Look at files, and write a recipe for them: which are read, where their text stands, what sizes fit.

    pairloom init data/
    pairloom init web.jsonl.gz books/ --out books.yaml --root s3://bucket/books
    """
    from pairloom.operators.errors import RecipeError, StorageError
    from pairloom.pipeline.inputs.proposing import propose
    from pairloom.pipeline.recipe.reading import parse_recipe

    if out != STDOUT and out.exists() and not force:
        raise RecipeError(f"{out} is there already: name another with --out, or write over it with --force")
    sources, left_out = propose(paths or ["."])
    text = "\n".join(_lines(sources, left_out, root)) + "\n"
    parse_recipe(text, name=str(out))  # what is written here must be right
    if out == STDOUT:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror}") from error
    for source in sources:
        where = f"text in {source.text!r}" if source.text else "each file a document"
        sys.stdout.write(
            f"{source.name}: {many(source.files, 'file')}, {source.bytes / 1e6:,.1f} MB, {where}\n"
        )
    for pattern, reason in left_out.items():
        sys.stdout.write(f"left out {pattern}: {reason}\n")
    sys.stdout.write(f"{out} is written; next: pairloom plan {out}\n")


def _lines(sources: "Sequence[Proposed]", left_out: Mapping[str, str], root: str) -> Iterator[str]:
    """The lines of a recipe."""
    from pairloom.pipeline.inputs.proposing import vocabulary_size

    size = sum(source.bytes for source in sources)
    files = sum(source.files for source in sources)
    yield f"# {many(len(sources), 'source')}, {many(files, 'file')}, {size / 1e6:,.1f} MB as stored"
    yield f"root: {json.dumps(root)}  # a folder, or s3://, gs://, az://"
    yield "corpus:"
    for source in sources:
        yield f"  - name: {json.dumps(source.name)}  # {many(source.files, 'file')}, {source.bytes / 1e6:,.1f} MB"
        yield f"    paths: [{', '.join(json.dumps(path, ensure_ascii=False) for path in source.paths)}]"
        if source.format is not None:
            yield f"    format: {source.format}  # not a record a line, whatever the names say"
        if source.members:
            yield f"    members: [{', '.join(json.dumps(one) for one in source.members)}]  # of the files in the archives"
        if source.where is not None:
            yield f"    where: {json.dumps(source.where)}"
        if source.steps is not None:
            yield f"    steps: {source.steps}  # pip install 'pairloom[trafilatura]' on every machine"
        if source.text is not None:
            yield f"    text: {json.dumps(source.text, ensure_ascii=False)}"
        if source.id is not None:
            yield f"    id: {json.dumps(source.id, ensure_ascii=False)}"
        if source.others:
            yield f"    # records also have: {', '.join(map(json.dumps, source.others))}"
        if len(sources) > 1:
            yield "    # weight: 0.5  # a share of the tokens; without weights all text is taken once"
    for pattern, reason in left_out.items():
        yield f"# left out: {pattern}: {' '.join(reason.split())}"
    yield "vocabulary:"
    yield f"  size: {vocabulary_size(size)}  # or `from: tokenizer.json` for one that there is; `pairloom report` tells what fits"
    yield '  special_tokens: ["<|endoftext|>"]'
    yield "pack:"
    yield "  seq_len: 2048  # tokens in a row"
    yield "  validation: 0.01  # share of documents held out"
    yield "  # deduplicate: exact"
    yield "max_rejected: 0.001  # share of records that may be unusable; `pairloom rejected` shows them"
