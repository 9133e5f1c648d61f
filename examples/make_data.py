"""Write the data that the recipes beside it read: python examples/make_data.py [FOLDER], by default `data`.

Text is that of the running Python: its sources are the code, their docstrings the prose. The languages are made of a few common
words each. It takes a second or two and some 20 MB, and is the same each time for one version of Python.
"""

import ast
import json
import random
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = {
    "en": "the of and to in is that for it was on are as with be at one have this from or had by but some",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden",
    "fr": "de la le et les des en un du une que est pour qui dans par sur pas plus au avec il sont cette",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más pero sus",
    "tr": "bir ve bu da için çok ben ne var mı gibi daha kadar sonra olan ama ile ev evler evlerin evde",
    "fi": "ja on ei se että hän oli mutta niin kuin joka olla mitä minä talo talossa talosta taloon",
    "ru": "и в не на я что он с как это по но они к у же вы за бы так дом дома домов",
    "el": "και το να του η της με που την για είναι από τα ένα θα στο των μια ο οι στην",
    "hi": "के में है की से को का और यह पर ने एक कि भी हैं इस था हो वह लिए",
    "ar": "في من على أن إلى التي عن هذا ما مع كان بعد هو ذلك كل بين قد لا بيت",
    "zh": "的 一 是 在 不 了 有 和 人 这 中 大 为 上 个 国 我 以 要 他 时 来 用 们",
    "ja": "の に は を た が で て と し れ さ ある いる も する から な こと として",
}


def sources() -> Iterator[tuple[str, str]]:
    """The name and the text of each source of the standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.glob("*.py")) + sorted(library.glob("*/*.py")):
        if path.parts[-2] not in ("site-packages", "test"):
            try:
                yield path.relative_to(library).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def docstrings(text: str) -> Iterator[str]:
    """The docstrings of a source that are worth reading."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            said = ast.get_docstring(node)
            if said is not None and len(said) > 80:
                yield said


def write_lines(path: Path, records: list[dict[str, object]]) -> None:
    """Write records as JSON Lines."""
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")


def main(folder: Path) -> None:
    """Write everything."""
    for name in ("web", "code", "languages", "chat", "audio"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    code = list(sources())
    prose = [(f"{name}/{i}", said) for name, text in code for i, said in enumerate(docstrings(text))]
    for part in range(4):
        write_lines(
            folder / "web" / f"part-{part}.jsonl",
            [
                {"id": name, "text": said, "meta": {"score": round(rng.random(), 3), "lang": "en"}}
                for name, said in prose[part::4]
            ],
        )
    table = pa.table({"path": [name for name, _ in code], "content": [text for _, text in code]})
    pq.write_table(table, folder / "code" / "stdlib.parquet", row_group_size=100)
    for language, words in WORDS.items():
        known = words.split()
        glue = "" if language in ("zh", "ja") else " "
        write_lines(
            folder / "languages" / f"{language}.jsonl",
            [
                {"id": f"{language}-{i}", "lang": language, "text": glue.join(rng.choices(known, k=60))}
                for i in range(400)
            ],
        )
    write_lines(
        folder / "chat" / "chat.jsonl",
        [
            {
                "messages": [
                    {"role": "system", "content": "You explain the Python standard library."},
                    {"role": "user", "content": f"What is {name.rpartition('/')[0]}, part {i}?"},
                    {"role": "assistant", "content": said},
                    {"role": "user", "content": "In one line?"},
                    {"role": "assistant", "content": said.splitlines()[0]},
                ]
            }
            for i, (name, said) in enumerate(prose[::3])
        ],
    )
    write_lines(
        folder / "audio" / "codes.jsonl",
        [
            {"id": f"clip-{i}", "codes": [rng.choices(range(1024), k=steps) for _ in range(4)]}
            for i, steps in enumerate(rng.choices(range(50, 400), k=200))
        ],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
