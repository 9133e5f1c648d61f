"""Document steps: what they do, what they may not do, and what they are called by."""

import hashlib
import sys
from pathlib import Path

import pytest

from pairloom.operators.documents import DOCUMENT_STEPS, DocumentBatch, apply_step
from pairloom.operators.documents.max_bytes import MaxBytes
from pairloom.operators.documents.min_bytes import MinBytes
from pairloom.operators.documents.python import Python
from pairloom.operators.errors import DataError, RecipeError
from tests.support import steps

TEXTS = ["a bad one", "bcd", "é", "good", "so bad"]


def batch():
    return DocumentBatch.of(
        TEXTS,
        id=list("vwxyz"),
        row=[0, 2, 4, 6, 8],
        uri="file:///x",
        fields={"lang": ["en", "de", None, "en", "fr"]},
    )


def python(function, **keys):
    return Python(call=f"tests.support.steps:{function}", version="1", **keys)


def kept(step):
    return apply_step(step, batch()).id.to_pylist()


def test_bounds_are_of_bytes_and_inclusive():
    assert kept(MinBytes(bytes=3)) == list("vwyz")
    assert kept(MaxBytes(bytes=3)) == list("wx")
    assert kept(MaxBytes(bytes=1)) == []
    assert dict(apply_step(MaxBytes(bytes=1), batch()).dropped) == {"": 5}
    for step in (MinBytes, MaxBytes):
        with pytest.raises(ValueError, match="bytes must be positive"):
            step(bytes=0)


def test_the_steps_of_the_package_have_names():
    assert {"max_bytes", "min_bytes", "python"} <= set(DOCUMENT_STEPS.names())
    assert DOCUMENT_STEPS.get("min_bytes") is MinBytes


def test_a_function_returns_documents_or_which_to_keep():
    after = apply_step(python("upper"), batch())
    assert after.content.to_pylist() == [text.upper() for text in TEXTS]
    assert kept(python("mask")) == kept(python("listed")) == list("vyz")
    after = apply_step(python("english", fields=("lang",)), batch())
    assert (after.id.to_pylist(), dict(after.dropped)) == (["v", "y"], {"not English": 3})
    assert python("english", fields=("lang",)).needs == ("lang",)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("drops_in_silence", "gave 4 documents for 5"),
        ("short_mask", "a mask of 4 for 5 documents"),
        ("renames", "changed the ids"),
        ("reorders", "changed the rows"),
        ("nothing", "returned NoneType"),
        ("numbers", "true or false, not int64"),
        ("untrue_text", "texts that are not valid"),
        ("anonymous", "is a lambda"),
        ("missing", "has no function 'missing'"),
    ],
)
def test_what_a_function_may_not_do(function, message):
    with pytest.raises(RecipeError, match=message) as caught:
        apply_step(python(function), batch())
    assert f"steps:{function}" in str(caught.value) or "steps.py" in str(caught.value)


def test_documents_that_a_function_raises_for_are_rejected_or_fail_the_run():
    after = apply_step(python("raises", on_error="reject"), batch())
    assert after.id.to_pylist() == ["w", "x", "y"]
    assert [(one.row, one.reason, one.excerpt) for one in after.rejected] == [
        (0, "step_failed", "a bad one"),
        (8, "step_failed", "so bad"),
    ]
    detail = after.rejected[1].detail
    assert "steps.py, line " in detail
    assert "in raises: raise ValueError" in detail
    assert detail.endswith("ValueError: cannot take 'so bad' by <object object at 0x…>")
    again = apply_step(python("raises", on_error="reject"), batch().part(3, 5))
    assert again.rejected == after.rejected[1:]
    with pytest.raises(
        DataError,
        match=r"python tests.support.steps:raises failed for the document at file:///x, row 0 \('v'\)",
    ):
        apply_step(python("raises"), batch())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"call": "lambda batch: batch"}, "call is"),
        ({"call": "no_colon"}, "call is"),
        ({"call": "__main__:f"}, "call names __main__"),
        ({"version": ""}, "version must not be empty"),
    ],
)
def test_keys_of_python_are_checked(keys, message):
    with pytest.raises(ValueError, match=message):
        Python(**({"call": "a.b:c", "version": "1"} | keys))
    with pytest.raises(TypeError, match="version"):
        Python(call="a.b:c")


def test_identity_is_the_declared_version_and_the_hash_of_the_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "changing_steps.py"
    path.write_text("def f(batch):\n    return batch.with_content(['1'] * len(batch))\n")
    step = Python(call="changing_steps:f", version="3")
    first = step.identity()
    assert first["module"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert apply_step(step, batch()).content.to_pylist() == ["1"] * 5
    # Of the same length and, to the second, of the same time: what runs is what was hashed, not what an import has kept.
    path.write_text(path.read_text().replace("'1'", "'2'"))
    assert step.identity() != first
    assert apply_step(step, batch()).content.to_pylist() == ["2"] * 5
    assert Python(call="changing_steps:f", version="4").identity() != step.identity()
    path.unlink()
    sys.modules.pop("changing_steps")
    with pytest.raises(
        RecipeError, match="changing_steps cannot be imported on this machine: there is no such module"
    ):
        apply_step(step, batch())


def test_a_module_that_is_broken_says_so(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    Path(tmp_path, "broken_steps.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(RecipeError, match="cannot be imported on this machine: ModuleNotFoundError"):
        Python(call="broken_steps:f", version="1").identity()
    assert "broken_steps" not in sys.modules
    with pytest.raises(RecipeError, match="is no file of Python"):
        Python(call="sys:exit", version="1").identity()


@pytest.mark.parametrize("package", ["raise RuntimeError('no licence')", "import sys; sys.exit(3)"])
def test_packages_that_cannot_be_imported_say_so(tmp_path, monkeypatch, package):
    monkeypatch.syspath_prepend(str(tmp_path))
    Path(tmp_path, "odd_package").mkdir()
    Path(tmp_path, "odd_package", "steps.py").write_text("def f(batch):\n    return batch\n")
    Path(tmp_path, "odd_package", "__init__.py").write_text(package)
    with pytest.raises(
        RecipeError, match=r"odd_package.steps cannot be imported on this machine: (Runtime|System)E"
    ):
        Python(call="odd_package.steps:f", version="1").identity()
    Path(tmp_path, "odd_package", "__init__.py").write_text("")
    Path(tmp_path, "odd_package", "steps.py").write_text(package)
    with pytest.raises(
        RecipeError, match=r"odd_package.steps cannot be imported on this machine: (Runtime|System)E"
    ):
        Python(call="odd_package.steps:f", version="1").identity()


def test_a_function_that_ends_the_process_does_not():
    after = apply_step(python("exits", on_error="reject"), batch())
    assert after.id.to_pylist() == ["w", "x", "y"]
    assert {one.detail[-13:] for one in after.rejected} == {"SystemExit: 3"}


def test_functions_are_where_the_tests_say():
    assert steps.upper.__module__ == "tests.support.steps"
