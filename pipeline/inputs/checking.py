"""What is looked at before a run begins: the first records of each source, so that a wrong column is no late surprise."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pairloom.operators.errors import DataError, PairloomError, RecipeError
from pairloom.pipeline.inputs.readers import First, first
from pairloom.pipeline.inputs.slices import InputFile, Limits
from pairloom.pipeline.inputs.units import fields_of
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["check_sources"]

_FIRST_BYTES = 1 << 16  # of text, at most, unless a record is longer
_AT_ONCE = 16
_ENOUGH = 8  # records that are all refused say something about a source in which some may be
# Why a record is refused where the recipe, and not the record, is wrong.
_OF_THE_RECIPE = {
    "missing_text", "text_not_a_string", "missing_id", "id_not_a_string", "not_an_object", "not_text", "no_such_path", "where_type",
    "null_tokens", "not_a_list", "not_aligned",
}  # fmt: skip


def check_sources(
    sources: Sequence[tuple[CorpusSource, Sequence[InputFile]]], *, max_rejected: float, max_record_bytes: int
) -> None:
    """Read the first records of the first file of each kind in each source that holds anything.

    Raises RecipeError for a source whose files are all empty, unless it may be; DataError, which names source and file, for
    a file that is not what the recipe says.
    """
    limits = Limits(batch_bytes=_FIRST_BYTES, max_record_bytes=max_record_bytes)
    asked = [(source, file) for source, files in sources for file in _firsts(source, files)]

    def look(one: tuple[CorpusSource, InputFile]) -> None:
        source, file = one
        try:
            _check(file, first(file, fields_of(source), limits, source.giver), max_rejected)
        except PairloomError as error:
            raise type(error)(f"source {source.name!r}: {error}") from error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(look, asked):
            pass


def _firsts(source: CorpusSource, files: Sequence[InputFile]) -> list[InputFile]:
    """The first file that is not empty of each format and ending."""
    first: dict[tuple[str, str, str], InputFile] = {}
    for file in files:
        if file.size:
            first.setdefault((file.format, file.compression, _ending(file.uri)), file)
    if not first and not source.allow_empty:
        uri = files[0].uri
        what = (
            f"{uri} is empty" if len(files) == 1 else f"all of its {len(files):,} files are empty, as {uri}"
        )
        raise RecipeError(f"source {source.name!r}: {what}; correct its paths, or set its allow_empty: true")
    return list(first.values())[:_AT_ONCE]


def _ending(uri: str) -> str:
    return uri.rsplit("/", 1)[-1].rpartition(".")[2].lower()


def _check(file: InputFile, first: First, max_rejected: float) -> None:
    """Raise DataError where none of the first records can be used, and the recipe is why."""
    letters = first.rejected
    if first.usable or not letters or max_rejected >= 1.0:
        return
    if max_rejected > 0 and len(letters) < _ENOUGH:
        return
    wrong = [letter for letter in letters if letter.reason in _OF_THE_RECIPE]
    if wrong:
        one = wrong[0]
        advice = "" if one.reason == "not_text" else "; correct the source's text, tokens, id, where or paths"
        many = f" (none of the first {len(letters)} records can be used)" if len(letters) > 1 else ""
        raise DataError(f"{file.uri}, {one.position}: {one.reason}: {one.detail}{many}{advice}")
