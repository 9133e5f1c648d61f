"""A recipe for files that nobody has described: which of them are read, where their text stands, and what it is called.

Folders are looked through and the first records of one file of each kind are read. What cannot be read is left out, and said.
"""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.pipeline.inputs.compression import ENDINGS
from pairloom.pipeline.inputs.listing import list_source
from pairloom.pipeline.inputs.looking import Looked, look
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["Proposed", "propose", "vocabulary_size"]

_HIDDEN = re.compile(r"(^|/)(\.|__pycache__/|node_modules/)")
# From so many bytes of text on, so many tokens are worth their embeddings.
_SIZES = (
    (0, 4096),
    (4_000_000, 8192),
    (40_000_000, 16_384),
    (400_000_000, 32_768),
    (8_000_000_000, 65_536),
    (10**11, 131_072),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A source: its name, the patterns of its `files` of `bytes` in all, and the fields of their text and id.

    `text` and `id` are None where the files have none, as plain text; `others` are further fields that documents have. What
    names do not say is in `format`, which files of archives are read in `members`, what pages need in `where` and `steps`.
    """

    name: str
    paths: tuple[str, ...]
    files: int
    bytes: int
    text: str | None
    id: str | None
    others: tuple[str, ...] = ()
    format: str | None = None
    members: tuple[str, ...] = ()
    where: str | None = None
    steps: str | None = None


def propose(paths: Sequence[str]) -> tuple[list[Proposed], dict[str, str]]:
    """Sources for folders and files, one for each folder of a folder, and what was left out, with the reason.

    Raises RecipeError for a path that there is not, and where nothing can be read.
    """
    found: list[Proposed] = []
    left_out: dict[str, str] = {}
    for place, files in _places(paths):
        if files is None:
            try:
                found.append(_of_saved(place, found))
            except PairloomError as error:
                left_out[str(place)] = str(error)
            continue
        groups: dict[Looked, list[tuple[str, InputFile]]] = {}
        for ending, those in _by_ending(files).items():
            try:
                looked = [(str(path), _listed(path)) for path in those]
                fields = look(next((file for _, file in looked if file.size), looked[0][1]))
            except PairloomError as error:
                left_out[f"{place}/**/*{ending}"] = str(error)
                continue
            groups.setdefault(fields, []).extend(looked)
        for fields, looked in groups.items():
            found.append(
                Proposed(
                    name=_name(place, found),
                    paths=_patterns(place, [path for path, _ in looked]),
                    files=len(looked),
                    bytes=sum(file.size for _, file in looked),
                    **fields._asdict(),
                )
            )
    if not found:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
        raise RecipeError(f"nothing to read in {', '.join(paths)}{': ' + why if why else ''}")
    return found, left_out


def vocabulary_size(text_bytes: int) -> int:
    """How many tokens to learn from so much text.

    >>> vocabulary_size(1_000_000), vocabulary_size(10**9)
    (4096, 32768)
    """
    return max(size for least, size in _SIZES if text_bytes >= least)


def _of_saved(folder: Path, before: Sequence[Proposed]) -> Proposed:
    """A folder that `datasets` has saved; raises PairloomError for one that is not whole, and where it has no text."""
    files = list_source(CorpusSource(name="source", paths=(str(folder),))).files
    return Proposed(
        name=_name(folder, before),
        paths=(str(folder),),
        files=len(files),
        bytes=sum(file.size for file in files),
        **look(next((file for file in files if file.size), files[0]))._asdict(),
    )


def _places(paths: Sequence[str]) -> Iterator[tuple[Path, list[Path] | None]]:
    """Each folder that is to be a source of its own, with its files; a file that is named is one by itself.

    None stands for the files of a dataset that was saved, which says itself what they are; each of its splits is a source.
    """
    for name in paths:
        path = Path(name)
        if path.is_file():
            yield path, [path]
        elif path.is_dir() and (saved := _saved(path)):
            yield from ((folder, None) for folder in saved)
        elif path.is_dir():
            here = [one for one in sorted(path.iterdir()) if one.is_file() and not one.name.startswith(".")]
            if here:
                yield path, here
            for folder in sorted(path.iterdir()):
                if folder.is_dir() and (saved := _saved(folder)):
                    yield from ((one, None) for one in saved)
                    continue
                below = _below(folder) if folder.is_dir() and not folder.name.startswith((".", "__")) else []
                if below:
                    yield folder, below
        else:
            raise RecipeError(f"there is no file or folder {name}")


def _saved(folder: Path) -> list[Path]:
    """The datasets that a folder is, one for each split, if `datasets` has saved it; otherwise none."""
    if (folder / "dataset_dict.json").is_file():
        return sorted(one.parent for one in folder.glob("*/state.json")) or [folder]
    return [folder] if (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file() else []


def _below(folder: Path) -> list[Path]:
    """All files below a folder, but for hidden ones."""
    found = [Path(top, name) for top, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if not _HIDDEN.search(path.relative_to(folder).as_posix()))


def _by_ending(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Files by the ending of their names, that of a compression included."""
    found: dict[str, list[Path]] = {}
    for path in files:
        endings = path.suffixes[-2:] if path.suffix.lower() in ENDINGS else path.suffixes[-1:]
        found.setdefault("".join(endings), []).append(path)
    return found


def _listed(path: Path) -> InputFile:
    """A file as the intake lists it; raises RecipeError for one that it does not read."""
    return list_source(CorpusSource(name="source", paths=(glob.escape(str(path)),))).files[0]


def _patterns(place: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Patterns for files of a folder: one for each ending, and one for those that are in folders of it."""
    if place.is_file():
        return (glob.escape(str(place)),)
    found = dict.fromkeys(
        f"{glob.escape(str(place))}/{'**/' if Path(path).parent != place else ''}*{ending}"
        for ending, those in _by_ending([Path(path) for path in paths]).items()
        for path in map(str, those)
    )
    deep = [pattern for pattern in found if "/**/" in pattern]
    return tuple(
        pattern for pattern in found if pattern in deep or pattern.replace("/*", "/**/*", 1) not in deep
    )


def _name(place: Path, before: Sequence[Proposed]) -> str:
    """A name for a source that no other has."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", place.resolve().name.split(".")[0]).strip("-.") or "corpus"
    taken = {one.name for one in before}
    names = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(before) + 2))
    return next(name for name in names if name not in taken)
