"""Compiling every kernel before it is needed: in an image as it is built, or in a worker as it starts.

Each folder `kernels` (or file `kernels.py`) has a function `warm_up(schemes)` that runs the kernels in it once, on next to
nothing and with arrays of the types that they get in earnest. `warm_up` here finds these functions and calls them, so that
whoever adds a kernel adds nothing elsewhere.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pairloom.operators.kernels.cache import KernelCache

__all__ = ["SAMPLE", "find_kernels", "kernel_places", "warm_up"]

SAMPLE = (
    "it's 12345 of a<|x|>word",
    "",
    "caf\u00e9 \u65e5\u672c " + "ab" * 400,
    "a\n\n b",
)
"""Documents that take every path: words of all lengths, numbers, several scripts, an empty document."""

_SHARED = "pairloom.operators.kernels"


def kernel_places(package: str = "pairloom.operators") -> Iterator[str]:
    """The names of the folders and files `kernels` below a package, ascending.

    That of what all kernels share is left out: it is compiled with those that call it.
    """
    for root in map(Path, import_module(package).__path__):
        for path in sorted((*root.rglob("kernels"), *root.rglob("kernels.py"))):
            name = ".".join((package, *path.relative_to(root).with_suffix("").parts))
            if "__pycache__" not in path.parts and name != _SHARED:
                yield name


def warm_up(schemes: tuple[str, ...], packages: tuple[str, ...] = ("pairloom.operators",)) -> None:
    """Run every kernel of some packages once, so that all are on disk; `schemes` are the pretokenizers that are wanted.

    `cache.py` says where that is. Takes a minute or two on a machine that has none of them, else a second.
    """
    for package in packages:
        for place in kernel_places(package):
            import_module(place).warm_up(schemes)


def find_kernels(package: str = "pairloom.operators") -> dict[str, object]:
    """Every kernel below a package, by "module:name"; imports them all.

    >>> "pairloom.operators.counts.kernels.table:count_pieces" in find_kernels()
    True
    """
    found: dict[str, object] = {}
    for place in (*kernel_places(package), *([_SHARED] if _SHARED.startswith(package) else [])):
        for module in _modules(import_module(place)):
            for name, value in vars(module).items():
                if (
                    isinstance(getattr(value, "_cache", None), KernelCache)
                    and value.__module__ == module.__name__
                ):
                    found[f"{module.__name__}:{name}"] = value
    return dict(sorted(found.items()))


def _modules(place: ModuleType) -> Iterator[ModuleType]:
    yield place
    for info in pkgutil.iter_modules(getattr(place, "__path__", [])):
        yield import_module(f"{place.__name__}.{info.name}")


def warmup(schemes: tuple[str, ...] | None = None) -> None:
    """Run counting, learning, encoding and decoding once on a few words, so that their kernels are on disk.

    Where they are is told in `cache.py`. Takes a minute on a machine that has none of them, else a second.
    """
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import count_words, merge_counts
    from pairloom.operators.evaluate.curve import merge_steps
    from pairloom.operators.evaluate.numbers import count_numbers
    from pairloom.operators.evaluate.trace import merge_trace
    from pairloom.operators.evaluate.word_tally import tally_words
    from pairloom.operators.models.bpe import extend_bpe, learn_bpe, learn_superwords, replay, segment_words
    from pairloom.operators.models.bpe.kernels.pairs import compact_lists
    from pairloom.operators.models.bpe.sharded import learn_sharded, learn_superwords_sharded
    from pairloom.operators.pack.derive import labels, position_ids, segment_ids
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.text.pretokenize.chunks import RandomChunks
    from pairloom.operators.text.pretokenize.schemes import SCHEMES
    from pairloom.operators.vocabulary import Vocabulary

    schemes = schemes or tuple(SCHEMES)
    column = pa.array(
        ["it's 12345 of a<|x|>word", None, "", "caf\u00e9 \u65e5\u672c " + "ab" * 400, "a\n\n b"]
    )
    for scheme in schemes:
        cut = Pretokenizer(scheme=scheme)
        counts = count_words(column.fill_null(""), cut)
        counts = merge_counts([counts, counts])
        vocabulary = learn_bpe(counts, 300, special_tokens=["<|x|>"], pretokenizer=cut).with_memo(counts)
        if scheme == schemes[0]:
            learn_sharded(counts.partition(2), 300, merges=learn_bpe(counts, 270).merges, least_batch=1)
        for policy in ("text", "parse"):
            ids = vocabulary.encode(column, append=[0], special_tokens_in_text=policy)
        vocabulary.decode(ids)
    nothing = np.zeros(0, np.uint32)
    compact_lists(np.zeros(4, np.uint64), np.zeros(0, np.int64), 1, nothing, np.zeros(0, np.int32), nothing)
    vocabulary.encode(column, offsets=True)
    segment_ids([[2, 1]], 4)
    position_ids([[2, 1]], 4)
    labels([[1, 2, 3, 0]], [[2, 1]], shifted=True)
    merge_steps(vocabulary, tally_words(vocabulary, counts).token_counts)
    count_numbers(column)
    merge_trace(vocabulary, counts, 2)
    # Superwords, supertokens, and going on from a vocabulary that exists.
    counts = count_words(column.fill_null(""), RandomChunks())
    part = segment_words(vocabulary, counts)
    whole = Pretokenizer(scheme="none")
    joined = learn_superwords(vocabulary, [part], len(vocabulary) + 8, pretokenizer=whole)
    done = joined.merges[len(vocabulary.merges) :][:2]
    learn_superwords_sharded(vocabulary, [[part]], len(joined), pretokenizer=whole, merges=done)
    extend_bpe(vocabulary, counts, len(vocabulary) + 8)
    for _ in replay(counts, vocabulary.merges[:2], special_tokens=1):
        pass
    # Words enough for the table to grow.
    crowd = pa.array([" ".join(f"{i:05}" for i in range(9000)) + " ".join(f"{i:020}" for i in range(9000))])
    Vocabulary(
        tokens=vocabulary.tokens,
        merges=vocabulary.merges,
        special_tokens=vocabulary.special_tokens,
        pretokenizer=Pretokenizer(scheme="whitespace"),
        ignore_merges=True,
    ).encode(pa.concat_arrays([crowd, column.slice(0, 1)]))
