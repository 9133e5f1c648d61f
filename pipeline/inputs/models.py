"""Language models that steps score texts by: which files they are, and reading them."""

import hashlib
import io

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.documents import Entries, Wanted
from pairloom.operators.errors import CorruptionError, DataError, PairloomError, RecipeError
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.storage import open_input
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import latest_manifest

__all__ = ["Around", "model_files", "read_model", "read_tokenizer"]

Around = tuple[tuple[str, ...], tuple[str, ...]]
"""The special tokens before and after each document that a model was counted from."""


def model_files(wanted: Wanted) -> tuple[tuple[str, str], tuple[str, ...], Around]:
    """Where the table and the tokenizer of a model are; of those of a root their SHA-256, and what stood around its documents.

    Raises RecipeError for a root without a language model.
    """
    if wanted.tokenizer is not None:
        return (wanted.uri, wanted.tokenizer), (), ((), ())
    objects = open_objects(wanted.uri)
    try:
        manifest = latest_manifest(objects)
    except PairloomError as error:
        raise RecipeError(f"the model {wanted.uri}: {error}") from error
    if manifest is None:
        raise RecipeError(
            f"the model {wanted.uri} is no root with a generation: name a root, or an .arrow file with its tokenizer"
        )
    made = manifest.stages.get("statistics")
    tables = [] if made is None else [file for file in made.files if file.role == "language_model"]
    if not tables or manifest.vocabulary is None:
        raise RecipeError(
            f"generation {manifest.generation} of {wanted.uri} has no language model: add `statistics: [language_model]` to its "
            "recipe and run it again"
        )
    (table,), vocabulary = tables, manifest.vocabulary
    tokenize = manifest.recipe["tokenize"]
    around = (tuple(tokenize["prepend"]), tuple(tokenize["append"]))
    return (objects.uri(table.path), objects.uri(vocabulary.path)), (table.sha256, vocabulary.sha256), around


def read_model(step: str, files: tuple[InputFile, ...], sums: tuple[str, ...], around: Around) -> Entries:
    """The model in its files. Raises DataError for what is none, CorruptionError for a file of a root that has changed."""
    from pairloom.operators.encode import Tokenizer  # a plan finds models, and needs no kernels for it
    from pairloom.operators.ngram import NgramModel
    from pairloom.operators.ngram.texts import TextModel

    contents = []
    for place, file in enumerate(files):
        with open_input(file) as handle:
            contents.append(handle.read())
        if sums and hashlib.sha256(contents[-1]).hexdigest() != sums[place]:
            raise CorruptionError(
                f"{step}: {file.uri} is not what was written; `pairloom repair` mends its root"
            )
    table, tokenizer = files
    try:
        vocabulary = Vocabulary.from_json(contents[1])
    except PairloomError as error:
        raise DataError(f"{step}: {tokenizer.uri}: {error}") from error
    try:
        with pa.ipc.open_file(io.BytesIO(contents[0])) as reader:
            model = NgramModel.of_table(reader.read_all(), len(vocabulary))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{step}: {table.uri} is no Arrow file: {error}") from error
    except DataError as error:
        raise DataError(f"{step}: {table.uri}: {error}") from error
    prepend, append = (tuple(vocabulary.special_id(token) for token in tokens) for tokens in around)
    found = TextModel(model=model, tokenizer=Tokenizer(vocabulary), prepend=prepend, append=append)
    return Entries(np.zeros(0, np.int64), model=found)


def read_tokenizer(step: str, file: InputFile) -> Entries:
    """A tokenizer alone; raises DataError for a file that is none."""
    from pairloom.operators.encode import Tokenizer

    with open_input(file) as handle:
        data = handle.read()
    try:
        return Entries(np.zeros(0, np.int64), tokenizer=Tokenizer(Vocabulary.from_json(data)))
    except PairloomError as error:
        raise DataError(f"{step}: {file.uri}: {error}") from error
