"""`pairloom prove` and `check`: that a document is in a dataset, for people who do not have the dataset."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pairloom.jobs.commands.options import AsJson, Generation, RootArgument, read_text

__all__ = ["check_command", "prove_command"]


def prove_command(
    root: RootArgument,
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="its id, as `pairloom inspect` shows")],
    out: Annotated[Path | None, typer.Option(help="the file to write; otherwise it is printed")] = None,
    generation: Generation = None,
) -> None:
    """Write a proof that a document with its tokens is in a dataset, whose recipe has `stages: [merkle]`.

    The proof is JSON: the document's tokens, and the hashes beside the way from them to the root hash of the manifest.

    pairloom prove out doc-17 --out doc-17.proof.json
    pairloom prove out file:///data/a.jsonl#17
    """
    from pairloom.operators.errors import StorageError
    from pairloom.pipeline import open_dataset
    from pairloom.pipeline.audit.proving import proof_of

    proof = proof_of(open_dataset(root, generation), document)
    text = json.dumps(proof) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise StorageError(
            f"{out} cannot be written: {error.strerror}; name another file with --out"
        ) from error
    sys.stdout.write(
        f"{out}: {proof['tokens']:,} tokens are in the dataset with the root hash {proof['root']}\n"
    )


def check_command(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="what `pairloom prove` wrote")],
    root: Annotated[
        str | None, typer.Option("--root", metavar="HASH", help="the root hash that is trusted")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof without the dataset: it takes the root hash that somebody who is trusted has published.

    Without --root it is only checked that the proof holds together, and the root hash that it is for is printed.

    pairloom check doc-17.proof.json --root 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    pairloom check doc-17.proof.json --json
    """
    from pairloom.operators.errors import CorruptionError, DataError
    from pairloom.operators.inclusion import check_proof
    from pairloom.operators.shown import printable

    text = read_text(proof)
    try:
        written: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{proof} is no JSON ({error}); write one with `pairloom prove ROOT DOCUMENT`"
        ) from error
    try:
        found = check_proof(written, None if root is None else root.strip().lower())
    except (DataError, CorruptionError) as error:
        raise type(error)(f"{proof}: {error}") from error
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    trusted = "" if root else "; compare this hash with the one that was published, or give it with --root"
    sys.stdout.write(
        f"{printable(found['document'])} with {len(found['tokens']):,} tokens is in the dataset with the root hash "
        f"{found['root']}{trusted}\n"
    )
