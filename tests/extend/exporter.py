"""A format of exports as a stranger would bring it: JSON lines."""

import json

from pairloom.pipeline.export.formats import Exporter


class Jsonl(Exporter):
    """A JSON object a row or document, with all its columns."""

    name = "jsonl"
    unit = "rows"
    owned = r"part-\d{5,}\.jsonl"
    columns = True

    def write(self, source, target):
        for number, part in enumerate(source.parts()):
            with target.data(f"part-{number:05d}.jsonl") as file:
                for batch in part:
                    for row in batch.table.to_pylist():
                        file.write(json.dumps(row).encode() + b"\n")
        return str(source.dtype)
