"""Write the standard library's sources as text for the benchmarks: python tests/bench/stdlib_text.py OUT.txt|OUT.jsonl."""

import json
import sys
import sysconfig
from pathlib import Path


def main() -> None:
    out, library = Path(sys.argv[1]), Path(sysconfig.get_path("stdlib"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as file:
        for path in sorted(library.rglob("*.py")):
            if "site-packages" in path.parts or not path.is_file():
                continue
            text = path.read_bytes().decode("utf-8", "ignore")
            file.write(json.dumps({"text": text}) + "\n" if out.suffix == ".jsonl" else text)


if __name__ == "__main__":
    main()
