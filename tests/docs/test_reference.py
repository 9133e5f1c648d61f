"""The reference is what the code says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_pages_are_as_they_are_made() -> None:
    done = subprocess.run(
        [sys.executable, "infra/make_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "infra" / "make_reference.py"
    copy.parent.mkdir()
    copy.write_text((ROOT / "infra" / "make_reference.py").read_text(encoding="utf-8"), encoding="utf-8")
    page = tmp_path / "docs" / "errors.md"
    page.parent.mkdir()
    page.write_text("# Errors\n\n<!-- made: errors -->\n<!-- end -->\n", encoding="utf-8")
    check = [sys.executable, str(copy), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, "docs/errors.md" in done.stderr) == (1, True)
    subprocess.run(check[:-1], check=True)
    assert "| `pairloom.DataError` |" in page.read_text(encoding="utf-8")
    assert subprocess.run(check, check=False).returncode == 0
