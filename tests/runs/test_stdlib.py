"""Real text: what is packed decodes to the standard library's sources, byte for byte."""

import sysconfig
from pathlib import Path

import pyarrow as pa

from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline import open_dataset, parse_recipe, run
from tests.support.corpora import texts_of

RECIPE = """
root: {root}
corpus: [{{name: stdlib, paths: ["{{stdlib}}/**/*.py"], exclude: ["**/site-packages/**", "**/test/**"]}}]
vocabulary: {{size: 2000}}
pack: {{seq_len: 513, validation: 0.05}}
execution: {{engine: local, unit_bytes: 3MB}}
max_rejected: 0.01
"""


def test_the_standard_library_comes_back_byte_for_byte(tmp_path: Path) -> None:
    recipe = parse_recipe(RECIPE.format(root=tmp_path))
    manifest = run(recipe)
    library = Path(sysconfig.get_path("stdlib"))
    sources = [
        path
        for path in library.rglob("*.py")
        if path.is_file() and not {"site-packages", "test"} & set(path.relative_to(library).parts)
    ]
    expected = {}
    for path in sources:
        data = path.read_bytes()
        try:
            data.decode()
        except UnicodeDecodeError:
            continue
        if data:
            expected[int(document_numbers(pa.array([f"{path.as_uri()}#0"]))[0])] = data
    assert len(expected) == manifest.stages["tokenize"].ledger.documents_out > 500
    assert texts_of(open_dataset(str(tmp_path))) == expected
