"""`pairloom.count` and `pairloom.learn`: from texts to words, and to a vocabulary."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import pyarrow as pa

from pairloom._runs import run
from pairloom.operators import Pretokenizer, Vocabulary, WordCounter, WordCounts, learn_bpe, merge_counts
from pairloom.operators.errors import RecipeError
from pairloom.operators.text.normalize import normalize
from pairloom.pipeline import Dataset
from pairloom.pipeline.expected import told
from pairloom.pipeline.stages.count.files import read_words

__all__ = ["Texts", "count", "learn"]

Texts: TypeAlias = (
    str | os.PathLike[str] | Iterable[str | bytes | os.PathLike[str]] | pa.Array | pa.ChunkedArray
)
Normalizer: TypeAlias = Literal["none", "nfc", "nfd", "nfkc", "nfkd"]
T = TypeVar("T")

BATCH_DOCUMENTS = 1 << 14


@told
def count(
    texts: Texts,
    *,
    pretokenizer: str | Pretokenizer = "gpt2",
    normalizer: Normalizer = "none",
    field: str = "text",
    engine: str = "local",
) -> WordCounts:
    """How often each word (pretoken) occurs, exactly.

    `texts` are documents (strings, or an Arrow column), or files: a path, a glob or a URI as one string, or one or several
    `pathlib.Path`, with the text in `field` where records have fields. Files are read as a recipe's are, in units; `engine`
    "ray" spreads these over processors. `pretokenizer` is a scheme's name or a Pretokenizer.

    Raises RecipeError for a path that leads nowhere and DataError for files that cannot be read.

    >>> import pairloom as pl
    >>> counts = pl.count(["a rose is a rose", "is a rose"])
    >>> dict(zip(counts.words.to_pylist(), counts.counts.tolist()))
    {b' a': 2, b' is': 1, b' rose': 3, b'a': 1, b'is': 1}
    """
    cut = _pretokenizer(pretokenizer)
    if (paths := _paths(texts)) is not None:
        vocabulary = _choice(cut) | {"normalizer": normalizer}
        return _from_files(paths, field, engine, vocabulary, "count", _counts_of)
    counter = WordCounter(cut)
    for column in _columns(texts):
        counter.add(normalize(column, normalizer))
    return counter.finish()


@told
def learn(
    texts: Texts | WordCounts,
    size: int,
    *,
    special_tokens: Sequence[str] = ("<|endoftext|>",),
    pretokenizer: str | Pretokenizer = "gpt2",
    normalizer: Normalizer = "none",
    min_count: int = 1,
    field: str = "text",
    engine: str = "local",
) -> Vocabulary:
    """Learn a byte-level BPE vocabulary of at most `size` tokens: special tokens, the 256 bytes, then merges.

    `texts`, `pretokenizer`, `normalizer`, `field` and `engine` are as for `count`, whose result may be given instead of texts
    (with the same pretokenizer). The result is that of a recipe with these settings, and the same whatever the order of the
    texts. A pair seen less often than `min_count` is not merged.

    Raises RecipeError and DataError as `count` does, ValueError for an option that is wrong.

    >>> import pairloom as pl
    >>> vocabulary = pl.learn(["a rose is a rose is a rose"], 266)
    >>> [vocabulary.tokens[i] for i in vocabulary.encode_one("a rose").tolist()]
    [b'a', b' rose']
    """
    cut = _pretokenizer(pretokenizer)
    if not isinstance(texts, WordCounts) and (paths := _paths(texts)) is not None:
        vocabulary = _choice(cut) | {
            "size": size,
            "special_tokens": list(special_tokens),
            "normalizer": normalizer,
            "min_count": min_count,
        }
        return _from_files(paths, field, engine, vocabulary, "learn", Dataset.vocabulary)
    counts = texts if isinstance(texts, WordCounts) else count(texts, pretokenizer=cut, normalizer=normalizer)
    return learn_bpe(
        counts,
        size,
        special_tokens=tuple(special_tokens),
        pretokenizer=cut,
        normalizer=normalizer,
        min_count=min_count,
    )


def _pretokenizer(choice: str | Pretokenizer) -> Pretokenizer:
    return Pretokenizer(scheme=choice) if isinstance(choice, str) else choice


def _choice(cut: Pretokenizer) -> dict[str, Any]:
    """A pretokenizer as a recipe names it."""
    return {
        "pretokenizer": {
            "scheme": cut.scheme,
            "digits": cut.digits,
            "pattern": cut.pattern,
            "lines": cut.lines,
        }
    }


def _paths(texts: Any) -> list[str] | None:
    """The files that are meant; None where documents are."""
    if isinstance(texts, str | os.PathLike):
        return [os.fspath(texts)]
    if not isinstance(texts, Sequence) or isinstance(texts, bytes) or not texts:
        return None
    if all(isinstance(one, os.PathLike) for one in texts):
        return [os.fspath(one) for one in texts]
    first = texts[0]
    if isinstance(first, str) and len(first) < 4096 and "\n" not in first and Path(first).is_file():
        raise RecipeError(
            f"{first!r} is a text here, and the name of a file: give files as pathlib.Path, or one path or glob as a string"
        )
    return None


def _columns(texts: Any) -> Iterator[pa.Array]:
    """Documents as Arrow columns, some at a time."""
    if isinstance(texts, pa.ChunkedArray):
        yield from texts.chunks
    elif isinstance(texts, pa.Array):
        yield texts
    else:
        batch: list[str | bytes] = []
        for one in texts:
            batch.append(one)
            if len(batch) == BATCH_DOCUMENTS:
                yield _column(batch)
                batch = []
        if batch:
            yield _column(batch)


def _column(batch: list[str | bytes]) -> pa.Array:
    kind = pa.large_binary() if isinstance(batch[0], bytes) else pa.large_string()
    return pa.array(batch, kind)


def _from_files(
    paths: list[str],
    field: str,
    engine: str,
    vocabulary: dict[str, Any],
    until: str,
    found: Callable[[Dataset], T],
) -> T:
    """What a run makes of files, in a root that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pairloom-") as root:
        recipe = {
            "root": root,
            "corpus": [{"name": "files", "paths": paths, "text": field}],
            "vocabulary": vocabulary,
            "tokenize": {"append": []},
        }
        return found(run(recipe, until=until, engine=engine))


def _counts_of(dataset: Dataset) -> WordCounts:
    files = [file for file in dataset.manifest.stage("count").files if file.role == "words"]
    return merge_counts(read_words(dataset.objects, file) for file in files)
