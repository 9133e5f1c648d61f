"""Writing a table that is shipped with the package, or comparing it with what would be written."""

import argparse
from collections.abc import Callable
from pathlib import Path

__all__ = ["write_or_check"]


def write_or_check(
    about: str, target: Path, build: Callable[[], bytes], opened: Callable[[bytes], bytes] = bytes
) -> int:
    """The command of a script, `about` being its docstring: the exit code.

    Tables are compared as they are once `opened`, since compressors differ.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check, content = parser.parse_args().check, build()
    if check:
        same = opened(target.read_bytes()) == opened(content)
        print(f"{target.name}: {'up to date' if same else 'differs from what tokenizers says'}")
        return 0 if same else 1
    target.write_bytes(content)
    print(f"{target.name}: {len(content):,} bytes")
    return 0
