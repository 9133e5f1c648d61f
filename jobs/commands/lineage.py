"""`pairloom lineage`: what a generation was made from, for catalogues that speak OpenLineage."""

import sys
from typing import Annotated

import typer

from pairloom.jobs.commands.options import Generation, RootArgument

__all__ = ["lineage_command"]


def lineage_command(
    root: RootArgument,
    emit: Annotated[bool, typer.Option("--emit", help="send it to where OPENLINEAGE_URL says")] = False,
    namespace: Annotated[str, typer.Option(help="of the job")] = "pairloom",
    generation: Generation = None,
) -> None:
    """Print what a generation was made from, and what it holds, as an OpenLineage event; or send it.

    pairloom lineage out
    pairloom lineage s3://bucket/out --emit --namespace corpora
    """
    from pairloom.pipeline import open_dataset
    from pairloom.pipeline.generations.lineage import lineage_event, send

    event = lineage_event(open_dataset(root, generation), namespace=namespace)
    if emit:
        send(event)
        return
    from openlineage.client.serde import Serde

    sys.stdout.write(Serde.to_json(event) + "\n")
