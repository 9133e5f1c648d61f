"""OpenLineage: what a generation was made from, as an event that catalogues such as Marquez and DataHub take.

    sources of the recipe ──▶ inputs        one a pattern of paths, with its text and its documents, where they are known
    the run of a generation ──▶ run         named by the root and the number: told again, it is the same run
    packed rows, vocabulary ──▶ outputs     with columns, rows, bytes, and the generation as the version

The events are those of the package `openlineage-python` (the extra `lineage`), which also sends them.
"""

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pairloom.operators.errors import RecipeError, StorageError
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.store.files import open_arrow
from pairloom.pipeline.store.manifest import StageRecord, manifest_path

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

__all__ = ["PRODUCER", "lineage_event", "send"]

PRODUCER = "pairloom"


def lineage_event(dataset: Dataset, *, namespace: str = "pairloom") -> "RunEvent":
    """The event that a generation was made, complete with its inputs and outputs.

    The time is that of the manifest. Raises RecipeError where the extra `lineage` is not installed.
    """
    events = _events()
    objects, number = dataset.objects, dataset.manifest.generation
    made = datetime.fromtimestamp(objects.modified(manifest_path(number)), UTC)
    return events.RunEvent(
        eventType=events.RunState.COMPLETE,
        eventTime=made.isoformat(),
        run=events.Run(runId=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{objects.root}#{number}"))),
        job=events.Job(namespace=namespace, name=objects.root),
        producer=PRODUCER,
        inputs=list(_inputs(dataset)),
        outputs=list(_outputs(dataset)),
    )


def send(event: "RunEvent") -> None:
    """Send an event to where `OPENLINEAGE_URL`, or a file `openlineage.yml`, says; raises RecipeError where none does.

    Raises StorageError where that does not take it.
    """
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.console import ConsoleTransport

    client = OpenLineageClient()
    if isinstance(client.transport, ConsoleTransport):
        raise RecipeError("nothing says where events go: set OPENLINEAGE_URL, or write an openlineage.yml")
    try:
        client.emit(event)
        client.close(30)
    except Exception as error:  # whatever the transport that was configured raises
        raise StorageError(f"the event was not taken: {error}") from error


def _events() -> Any:
    try:
        from openlineage.client import event_v2
    except ImportError as error:
        raise RecipeError(
            "this needs the package openlineage-python: pip install 'pairloom[lineage]'"
        ) from error
    return event_v2


def _named(uri: str) -> dict[str, str]:
    """A place as OpenLineage names it: the store, and the path within."""
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return {"namespace": "file", "name": parts.path or uri}
    return {"namespace": f"{parts.scheme}://{parts.netloc}", "name": parts.path.lstrip("/")}


def _inputs(dataset: Dataset) -> "list[InputDataset]":
    from openlineage.client.facet_v2 import documentation_dataset, input_statistics_input_dataset

    found = []
    records = {one.name: one for stage in dataset.manifest.stages.values() for one in stage.sources}
    for source in dataset.manifest.recipe["corpus"]:
        said = documentation_dataset.DocumentationDatasetFacet(
            description=f"source {source['name']!r} of the recipe"
        )
        known = records.get(source["name"])
        for path in source["paths"]:
            one = known if len(source["paths"]) == 1 else None
            facets = {}
            if one is not None:
                facets["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                    rowCount=one.documents
                )
            found.append(
                _events().InputDataset(**_named(path), facets={"documentation": said}, inputFacets=facets)
            )
    return found


def _outputs(dataset: Dataset) -> "list[OutputDataset]":
    stages = dataset.manifest.stages
    return [
        _output(dataset, name, stages[name])
        for name in ("learn", "pack")
        if name in stages and stages[name].files
    ]


def _output(dataset: Dataset, name: str, record: StageRecord) -> "OutputDataset":
    from openlineage.client.facet_v2 import (
        dataset_version_dataset,
        output_statistics_output_dataset,
        schema_dataset,
    )

    place = _named(dataset.objects.root)
    facets: dict[str, Any] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(
            datasetVersion=str(dataset.manifest.generation)
        )
    }
    if name == "pack":
        with open_arrow(dataset.objects, record.files[0]) as reader:
            fields = [
                schema_dataset.SchemaDatasetFacetFields(name=field.name, type=str(field.type))
                for field in reader.schema
            ]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields)
    size = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=sum(file.rows or 0 for file in record.files),
        size=sum(file.bytes for file in record.files),
        fileCount=len(record.files),
    )
    return _events().OutputDataset(
        namespace=place["namespace"],
        name=f"{place['name'].rstrip('/')}/{name}",
        facets=facets,
        outputFacets={"outputStatistics": size},
    )
