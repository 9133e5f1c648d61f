"""A reader that another distribution brings: picked by the names of files, cut into units, counted, tokenized, verified."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.plan import make_plan
from pairloom.pipeline.inputs.readers import READERS, Reader, read, readers_by_suffix
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import open_stream
from tests.support.corpora import recipe_for


class Pages(Reader):
    """Pages between form feeds, each a document; its number is its id and its only field."""

    name = "pages"
    suffixes = (".pages", ".rar")

    def blocks(self, file: InputFile) -> list[int] | None:
        return [len(page) + 1 for page in self._pages(file)] if file.compression == "none" else None

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        pages = self._pages(piece.file)
        numbers = range(len(pages))[piece.start : piece.stop if piece.file.compression == "none" else None]
        ids = [str(number) for number in numbers]
        yield DocumentBatch.of(
            [pages[number].decode() for number in numbers],
            id=ids if fields.id else None,
            uri=piece.file.uri,
            fields=dict.fromkeys(fields.extra, ids),
            bytes_read=piece.bytes,
        )

    def _pages(self, file: InputFile) -> list[bytes]:
        with open_stream(file) as stream:
            return b"".join(iter(lambda: stream.read(1 << 20), b"")).split(b"\f")


class Rival(Pages):
    """Another reader of the same files."""

    name = "rival"
    suffixes = (".pages",)


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"pages": EntryPoint(name="pages", value=f"{__name__}:Pages", group=READERS.group)}
    monkeypatch.setitem(READERS.__dict__, "_points", points)


def test_a_reader_by_entry_point_takes_part_in_everything(tmp_path: Path, brought: None) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    pages = [f"page {number} of some text, " * (number % 4) for number in range(40)]
    (folder / "a.pages").write_text("\f".join(pages))
    (folder / "b.rar").write_text("another page")
    (folder / "c.jsonl").write_text('{"id": "j", "text": "a line among pages"}\n')
    recipe = recipe_for(tmp_path, "vocabulary.size=280", "execution.unit_bytes=500")
    plan = make_plan(recipe)
    assert [file.format for file in plan.inputs] == ["pages", "pages", "jsonl"]
    slices = [piece for unit in plan.units for piece in unit.slices if piece.file.uri.endswith("a.pages")]
    assert len(slices) > 2
    assert (slices[0].start, slices[-1].stop) == (0, 40)
    assert sum(piece.bytes for piece in slices) == plan.inputs[0].size
    again = [
        text for piece in slices for batch in read(piece, Fields()) for text in batch.content.to_pylist()
    ]
    assert again == pages
    manifest = run(recipe)
    for stage in ("count", "tokenize"):
        ledger = manifest.stages[stage].ledger
        assert (ledger.documents_in, ledger.documents_out, ledger.empty) == (42, 32, 10)
    dataset = open_dataset(recipe.root)
    proof = verify(dataset)
    round_trip(dataset, proof, sample=100)
    assert proof.source_documents == 32


def test_two_readers_of_one_ending(monkeypatch: pytest.MonkeyPatch, brought: None) -> None:
    monkeypatch.setitem(
        READERS._points, "rival", EntryPoint(name="rival", value=f"{__name__}:Rival", group=READERS.group)
    )
    with pytest.raises(RecipeError, match=r"'pages' and 'rival' are both of \*.pages"):
        readers_by_suffix()


def test_a_file_whose_reader_is_not_installed() -> None:
    file = InputFile(
        source="s", uri="file:///x.pages", size=1, version="", format="pages", compression="none"
    )
    with pytest.raises(RecipeError, match="there is no reader 'pages'"):
        read(Slice(file=file, start=0, stop=1, bytes=1), Fields())
