"""What `page.py` measures, in the order of the page: each a table, and words that say how it was measured.

A measure is a file with a function that takes a sitting. Whatever is compared takes turns.
"""

from collections.abc import Callable

from tests.bench.measures.encoding import encoding
from tests.bench.measures.following import following
from tests.bench.measures.large_vocabularies import large_vocabularies
from tests.bench.measures.learning import learning, learning_others
from tests.bench.measures.one_document import one_document
from tests.bench.measures.other_texts import other_texts
from tests.bench.measures.sitting import MeasureError, Sitting, Table
from tests.bench.measures.small_files import small_files
from tests.bench.measures.starting import starting
from tests.bench.measures.ways_of_encoding import ways_of_encoding
from tests.bench.measures.whole_path import whole_path
from tests.bench.measures.workers import workers

__all__ = ["MEASURES", "MeasureError", "Sitting", "Table"]

MEASURES: dict[str, Callable[[Sitting], Table]] = {
    "whole": whole_path,
    "encode": encoding,
    "texts": other_texts,
    "ways": ways_of_encoding,
    "large": large_vocabularies,
    "learn": learning,
    "learn-texts": learning_others,
    "workers": workers,
    "start": starting,
    "retokenize": following,
    "files": small_files,
    "document": one_document,
}
