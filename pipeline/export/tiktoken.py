"""A vocabulary for tiktoken: a `.tiktoken` file of ranks, and beside it what `tiktoken.Encoding` needs besides.

    <name>.tiktoken        a line for each ordinary token: base64, and its id
    <name>.tiktoken.json   the pattern, the special tokens with their ids, the fingerprint; written last

Before anything is written, the ids that the file gives are compared with the vocabulary's own on its golden documents and
on a sample: by tiktoken itself where it is installed, else by reading the file back.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.models.bpe.tiktoken_file import read_tiktoken, write_tiktoken
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.vocabulary.golden import GOLDEN
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.location import open_objects

__all__ = ["export_tiktoken", "sample_texts"]

SAMPLE_SHARDS = 8
SAMPLE_BYTES = 1 << 20  # of tokens from each


def export_tiktoken(vocabulary: Vocabulary, out: str, sample: Sequence[str] = ()) -> dict[str, Any]:
    """Write a vocabulary to the file `out`, proved on `sample`; returns what the file beside it says.

    Raises RecipeError for a vocabulary that tiktoken cannot hold and for a file that is there with other content, and
    CorruptionError for a text that would get other ids.
    """
    data = write_tiktoken(vocabulary)
    special = dict(zip(vocabulary.special_tokens, vocabulary.special_ids, strict=True))
    texts = [*GOLDEN, *sample]
    prover = _prove(vocabulary, data, special, texts)
    said = {
        "format": "tiktoken",
        "pat_str": vocabulary.pretokenizer.patterns[0],
        "special_tokens": special,
        "n_vocab": len(vocabulary),
        "vocabulary": vocabulary.fingerprint,
        "sha256": hashlib.sha256(data).hexdigest(),
        "proved_by": prover,
        "proved_documents": len(texts),
        "proved_bytes": sum(len(text.encode()) for text in texts),
    }
    folder, _, name = out.rpartition("/")
    if not name:
        raise RecipeError(f"{out} names a folder; name a file, such as {out}vocabulary.tiktoken")
    objects = open_objects(folder or ".")
    if not objects.put_if_absent(name, data) and objects.read(name) != data:
        raise RecipeError(f"{objects.uri(name)} is there with other content; choose another name")
    objects.put(f"{name}.json", (json.dumps(said, indent=1) + "\n").encode())
    return said


def sample_texts(dataset: Dataset) -> Iterator[str]:
    """Documents from the beginnings of some token shards, spread over the corpus, decoded without special tokens."""
    vocabulary = dataset.vocabulary()
    special = pa.array(vocabulary.reserved_ids, pa.from_numpy_dtype(vocabulary.dtype))
    files = dataset.manifest.stages["tokenize"].files if "tokenize" in dataset.manifest.stages else ()
    for stored in files[:: max(1, len(files) // SAMPLE_SHARDS)]:
        size = 0
        batch = next(read_batches(dataset.objects, stored), None)
        for ids in () if batch is None else batch.column(INPUT_IDS):
            values = ids.values
            size += values.nbytes
            if size > SAMPLE_BYTES:
                break
            plain = values.filter(pc.invert(pc.is_in(values, special)))
            yield vocabulary.decode(plain).decode()


def _prove(vocabulary: Vocabulary, data: bytes, special: dict[str, int], texts: list[str]) -> str:
    """Compare ids; returns what gave the other ones."""
    ours = vocabulary.encode(pa.array(texts, pa.large_string())).to_pylist()
    prover, encode = _reader(vocabulary, data, special)
    for text, ids in zip(texts, ours, strict=True):
        if (found := encode(text)) != ids:
            raise CorruptionError(
                f"nothing is written: {text[:80]!r} has the ids {ids[:20]}, and {found[:20]} by {prover} from the .tiktoken file"
            )
    return prover


def _reader(
    vocabulary: Vocabulary, data: bytes, special: dict[str, int]
) -> tuple[str, Callable[[str], list[int]]]:
    fields = read_tiktoken(data, special)
    try:
        import tiktoken
    except ImportError:
        read = Vocabulary(**fields, pretokenizer=vocabulary.pretokenizer)
        return "pairloom", lambda text: read.encode_one(text).tolist()
    taken = set(special.values())
    ranks = {token: rank for rank, token in enumerate(fields["tokens"]) if token and rank not in taken}
    encoding = tiktoken.Encoding(
        "pairloom",
        pat_str=vocabulary.pretokenizer.patterns[0],
        mergeable_ranks=ranks,
        special_tokens=special,
    )
    return f"tiktoken {tiktoken.__version__}", lambda text: encoding.encode(text, disallowed_special=())
