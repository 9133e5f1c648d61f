"""What `page.py` measures: each a table, and words that say how it was measured. Whatever is compared takes turns."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

from tests.bench import texts
from tests.bench.machine import version

__all__ = ["MEASURES", "MeasureError", "Sitting", "Table"]

HERE = Path(__file__).parent
PAIRLOOM = [sys.executable, "-c", "from pairloom.jobs.entry import main; main()"]
PEER_BYTES = 16_000_000  # what slow peers get


class MeasureError(Exception):
    """Something that was to be measured has failed; what else there is to be measured goes on."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A heading, how it was measured, and the figures."""

    title: str
    says: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(kw_only=True)
class Sitting:
    """Where it is held, how often each figure is taken, and how much text there is."""

    folder: Path
    repeat: int
    bytes: int
    text: Path = field(init=False)
    small: Path = field(init=False)
    vocabulary: Path = field(init=False)

    def __post_init__(self) -> None:
        self.text, self.small = self.folder / "text.jsonl", self.folder / "small.jsonl"
        self.vocabulary = self.folder / "tokenizer.json"
        texts.write_jsonl(self.text, texts.installed(), self.bytes)
        texts.write_jsonl(self.small, texts.installed(), 1_200_000)
        learned = self.folder / "learned.jsonl"
        texts.write_jsonl(learned, texts.library())
        recipe = self.recipe(learned, {"size": 32768}, special_tokens=True)
        self.command("learn", recipe)
        (found,) = Path(recipe.parent, "root").glob("data/learn/**/*tokenizer.json")
        shutil.copy(found, self.vocabulary)

    def recipe(
        self,
        text: object,
        vocabulary: Mapping[str, object] | None = None,
        *,
        engine: str = "auto",
        special_tokens: bool = False,
        **more: object,
    ) -> Path:
        """A recipe in a folder of its own, in which its root will be; by default with the vocabulary that is there."""
        place = Path(tempfile.mkdtemp(dir=self.folder))
        corpus: dict[str, object] = {"name": "all", "paths": [str(text)]}
        if str(text).endswith(".jsonl"):
            corpus["id"] = "id"
        recipe = {
            "root": f"{place}/root",
            "corpus": [corpus],
            "vocabulary": vocabulary or {"from": str(self.vocabulary)},
            "execution": {"engine": engine},
            **more,
        }
        path = place / "recipe.json"
        path.write_text(json.dumps(recipe))
        return path

    def command(self, *arguments: object, environment: Mapping[str, str] | None = None) -> float:
        """Seconds of a command of Pairloom's, from its start to its end."""
        start = time.perf_counter()
        run = [*PAIRLOOM, *map(str, arguments)]
        done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, **(environment or {})})
        seconds = time.perf_counter() - start
        if done.returncode:
            raise MeasureError(f"pairloom {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return seconds

    def one_run(self, recipe: Path, *options: str) -> dict:
        """What a run takes in a process that is warm; its root is removed."""
        made = _printed([HERE / "one_run.py", recipe, *options])
        shutil.rmtree(recipe.parent)
        return json.loads(made)

    def peer(self, name: str, text: Path) -> float | None:
        """Seconds of a peer; None where it is not installed."""
        if version(name) is None:
            return None
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            printed = _printed([HERE / "peers.py", name, self.vocabulary, text, place])
        if printed.strip() == "not installed":
            return None
        return float(printed.rsplit("seconds", 1)[1])


def _printed(command: Sequence[object]) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TOKENIZERS_PARALLELISM": "true"}
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise MeasureError(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
    return done.stdout


def _ratio(mine: float, other: float | None) -> str:
    return "" if other is None else f"{mine / other:.2f}"


def whole_path(sitting: Sitting) -> Table:
    """Text to packed rows, beside peers that only encode."""
    small = sitting.folder / "peers.jsonl"
    part = texts.write_jsonl(small, texts.installed(), min(PEER_BYTES, sitting.bytes))
    size = sitting.text.stat().st_size
    ways: dict[str, tuple[Callable[[], float | None], int]] = {
        "Pairloom, vocabulary given": (lambda: _whole(sitting, None), size),
        "Pairloom, learns 32,768 tokens first": (lambda: _whole(sitting, {"size": 32768}), size),
        "gigatoken": (lambda: sitting.peer("gigatoken", sitting.text), size),
        "datatrove": (lambda: sitting.peer("datatrove", small), part),
        "tokenizers": (lambda: sitting.peer("tokenizers", small), part),
    }
    rates = _rates(ways, sitting.repeat)
    rows = [
        (
            name,
            *(("not installed",) if rate is None else (f"{rate / 1e6:.1f}",)),
            *(
                "" if rate is None else _ratio(rate, rates[peer])
                for peer in ("gigatoken", "datatrove", "tokenizers")
            ),
        )
        for name, rate in rates.items()
    ]
    return Table(
        title="The whole path",
        says=f"{size / 1e6:.0f} MB of JSON Lines. Pairloom reads, encodes, checks, shuffles and packs, to synced files; gigatoken's "
        "`encode_files` and tokenizers' `encode_batch_fast` leave tokens in memory, datatrove's `DocumentTokenizer` writes them. "
        f"All of them on all processors; the last two have {part / 1e6:.0f} MB. Imports, kernels, starting workers and reading the "
        "vocabulary are in none of them.",
        head=("", "MB/s", "x gigatoken", "x datatrove", "x tokenizers"),
        rows=rows,
    )


def _whole(sitting: Sitting, vocabulary: Mapping[str, object] | None) -> float:
    return float(sitting.one_run(sitting.recipe(sitting.text, vocabulary))["seconds"])


def _rates(
    ways: Mapping[str, tuple[Callable[[], float | None], int]], repeat: int
) -> dict[str, float | None]:
    """Bytes a second of each way: medians of what they take in turn."""
    taken: dict[str, list[float | None]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, (way, _size) in ways.items():
            taken[name].append(way())
    return {
        name: None if None in seconds else ways[name][1] / median(s for s in seconds if s is not None)
        for name, seconds in taken.items()
    }


def encode(sitting: Sitting) -> Table:
    """Encoding on one thread, beside peers."""
    from pairloom.operators import Vocabulary
    from tests.bench.bench_encode import PEERS, Rate, compared

    found_texts, size = [], 0
    for text in texts.installed():
        found_texts.append(text)
        size += len(text.encode())
        if size >= min(32_000_000, sitting.bytes):
            break
    peers = [name for name in PEERS if name != "tokie"]
    found = compared(found_texts, Vocabulary.load(sitting.vocabulary), peers, sitting.repeat)
    rows = []
    for name, rate in found.items():
        if isinstance(rate, str):
            rows.append((name, rate, *[""] * (1 + len(peers))))
            continue
        others = [found[peer] for peer in peers]
        ratios = [
            f"{rate.first / other.first:.2f}, {rate.later / other.later:.2f}"
            if isinstance(other, Rate)
            else ""
            for other in others
        ]
        rows.append((name, f"{rate.first:.0f}", f"{rate.later:.0f}", *ratios))
    rows.sort(key=lambda row: not row[0].startswith("pairloom"))
    return Table(
        title="Encoding",
        says=f"{size / 1e6:.0f} MB that the vocabulary was not learned from, one thread, processor time. The first pass is a new "
        "encoder's, later ones meet the same text; with the memo, the words of the text are known before. Ratios are of first "
        "and later passes.",
        head=("", "first pass, MB/s", "later, MB/s", *(f"x {peer}" for peer in peers)),
        rows=rows,
    )


def learn(sitting: Sitting) -> Table:
    """Counting and learning, beside peers."""
    text = sitting.folder / "learn.txt"
    size = texts.write_text(text, texts.installed(), min(64_000_000, sitting.bytes))
    peers = ("pairloom", "gigabpe", "gigatoken")
    taken: dict[str, list[dict]] = {name: [] for name in peers if name == "pairloom" or version(name)}
    for _ in range(sitting.repeat):
        for name, runs in taken.items():
            runs.append(
                json.loads(_printed([HERE / "bench_learn.py", "--one", name, text, 32000]).splitlines()[-1])
            )
    middle = {
        name: {what: median(run[what] for run in runs) for what in ("count", "learn", "both", "memory")}
        for name, runs in taken.items()
    }
    rows = []
    for name in peers:
        if name not in middle:
            rows.append((name, "not installed", *[""] * 4))
            continue
        one = middle[name]
        rows.append(
            (
                name,
                *(f"{one[what]:.2f}" for what in ("count", "learn", "both")),
                f"{one['memory']:.0f}",
                _ratio(one["both"], middle["pairloom"]["both"]),
            )
        )
    return Table(
        title="Learning a vocabulary",
        says=f"{size / 1e6:.0f} MB in one file, 32,000 tokens; Pairloom on one thread, peers on all processors. The memory is what "
        "the process grows by, with what it holds of the text. gigabpe learns the same merges.",
        head=("", "count, s", "merges, s", "both, s", "memory, MB", "of Pairloom's time"),
        rows=rows,
    )


@contextmanager
def _without_kernels(aside: Path) -> Iterator[None]:
    """With the kernels that are kept beside the sources put aside, where every process would find them."""
    kept = HERE.parents[1] / "operators" / "kernels" / "__pycache__" / "kernels"
    there = kept.exists()
    if there:
        kept.rename(aside)
    try:
        yield
    finally:
        if there:
            shutil.rmtree(kept, ignore_errors=True)
            aside.rename(kept)


def starts(sitting: Sitting) -> Table:
    """From the command to its end."""

    def small(engine: str, environment: Mapping[str, str] | None = None) -> float:
        return sitting.command(
            "run", sitting.recipe(sitting.small, {"size": 4096}, engine=engine), environment=environment
        )

    def cold(engine: str) -> float:
        with (
            tempfile.TemporaryDirectory(dir=sitting.folder) as empty,
            _without_kernels(Path(empty) / "aside"),
        ):
            return small(engine, {"PAIRLOOM_CACHE_DIR": f"{empty}/named", "XDG_CACHE_HOME": f"{empty}/home"})

    def demo() -> float:
        with tempfile.TemporaryDirectory(dir=sitting.folder) as root:
            return sitting.command("run", "stdlib", "--set", f"root={root}/out")

    def given() -> float:
        return sitting.command("run", sitting.recipe(sitting.text))

    demo()  # its kernels
    warm: dict[str, Callable[[], float]] = {
        "`pairloom --help`": lambda: sitting.command("--help"),
        "1.2 MB, the engine that it chooses": lambda: small("auto"),
        "1.2 MB, in this process": lambda: small("local"),
        "1.2 MB, on Ray": lambda: small("ray"),
        "`make demo`": demo,
        f"{sitting.text.stat().st_size / 1e6:.0f} MB, vocabulary given": given,
    }
    rows = [(what, _seconds(way, sitting.repeat)) for what, way in warm.items()]
    rows += [
        ("1.2 MB, no kernels compiled, in this process", _seconds(lambda: cold("local"), 1)),
        ("1.2 MB, no kernels compiled, on Ray", _seconds(lambda: cold("ray"), 1)),
    ]
    return Table(
        title="From the command to its end",
        says="A process each, imports and all; kernels are compiled but in the last two rows, which are taken once.",
        head=("", "seconds"),
        rows=rows,
    )


def _seconds(way: Callable[[], float], repeat: int) -> str:
    """The median of what it takes, or that it has failed."""
    try:
        return f"{median(way() for _ in range(repeat)):.2f}"
    except MeasureError as error:
        print(error, file=sys.stderr)
        return "failed"


def retokenize(sitting: Sitting) -> Table:
    """A corpus of which a few files change."""
    from tests.bench.bench_retokenize import change, write

    documents = list(islice(texts.library(), 500))
    inputs = sitting.folder / "changing"
    inputs.mkdir()
    size, files = 85_000, 1000
    for number in range(files):
        write(inputs / f"{number:05}.jsonl", documents, size, number)
    stored = sum(path.stat().st_size for path in inputs.iterdir())
    recipe = sitting.recipe(
        f"{inputs}/*.jsonl",
        pack={"shuffle": {"mode": "block", "groups": 256}, "file_tokens": 1 << 20},
        execution={"unit_bytes": "100kB"},
    )
    data = json.loads(recipe.read_text())
    del data["corpus"][0]["id"]
    recipe.write_text(json.dumps(data))
    first = sitting.command("run", recipe)
    change(inputs, documents, size, 10)
    again = sitting.command("retokenize", recipe)
    nothing = sitting.command("retokenize", recipe, "--if-changed")
    return Table(
        title="Following a corpus",
        says=f"{files:,} files, {stored / 1e6:.0f} MB, of which ten change; commands from start to end, taken once.",
        head=("", "seconds", "of a run from nothing"),
        rows=[
            ("`pairloom run`", f"{first:.2f}", ""),
            ("`pairloom retokenize`", f"{again:.2f}", f"{again / first:.2f}"),
            ("`pairloom retokenize --if-changed`, nothing has", f"{nothing:.2f}", f"{nothing / first:.2f}"),
        ],
    )


def small_files(sitting: Sitting) -> Table:
    """Very many very small files."""
    inputs, files, size = sitting.folder / "files", 20_000, 200
    inputs.mkdir()
    text = "".join(islice(texts.library(), 400)).encode("ascii", "ignore")
    for number in range(files):
        (inputs / f"{number:05}.txt").write_bytes(text[number * size : (number + 1) * size])
    found = [
        sitting.one_run(sitting.recipe(f"{inputs}/*.txt", {"size": 4096}, engine="local"))
        for _ in range(sitting.repeat)
    ]
    rows = [
        (step, f"{median(one['steps'][step] for one in found) / files * 1e3:.3f}")
        for step in ("count", "tokenize")
    ]
    rows.append(("all, with the plan", f"{median(one['seconds'] for one in found) / files * 1e3:.3f}"))
    return Table(
        title="Small files",
        says=f"{files:,} text files of {size} bytes, in this process.",
        head=("", "ms a file"),
        rows=rows,
    )


def one_document(sitting: Sitting) -> Table:
    """A document that is as large as a corpus: what each byte more of it costs."""
    rows, before = [], (0, 0)
    for times in (1, 3):
        text = sitting.folder / f"{times}.txt"
        size = texts.write_text(text, texts.installed(), times * sitting.bytes)
        found = sitting.one_run(sitting.recipe(text), "--bare")
        seconds = sum(taken for step, taken in found["steps"].items() if step != "prepare")
        more = "" if times == 1 else f"{(found['memory'] - before[1]) / (size - before[0]):.2f}"
        rows.append(
            (
                f"{size / 1e6:.0f} MB",
                f"{found['tokens']:,}",
                f"{size / seconds / 1e6:.1f}",
                f"{found['memory'] / 1e6:.0f}",
                more,
            )
        )
        before = (size, found["memory"])
    return Table(
        title="One document",
        says="The whole path of a single text, vocabulary given, taken once. The memory is all that the process has at its peak; what "
        "a byte more takes is the difference of the two.",
        head=("", "tokens", "MB/s", "memory, MB", "bytes for a byte more"),
        rows=rows,
    )


MEASURES: dict[str, Callable[[Sitting], Table]] = {
    "whole": whole_path,
    "encode": encode,
    "learn": learn,
    "start": starts,
    "retokenize": retokenize,
    "files": small_files,
    "document": one_document,
}
