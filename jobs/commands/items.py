"""`pairloom items`: sets of tasks that tokens make hard or easy, with their answers, as JSON Lines."""

import contextlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from pairloom.jobs.commands.help import with_examples
from pairloom.jobs.commands.options import read_text

if TYPE_CHECKING:
    from pairloom.operators import Vocabulary

__all__ = ["items_commands"]

items_commands = typer.Typer(
    help="Write sets of tasks with their answers, always the same for a seed: spelling, counting, addition, needles, langgame.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Out = Annotated[Path, typer.Option(help="where the items go; - is standard output")]
Seed = Annotated[int, typer.Option(min=0, help="another seed is another set")]
Measured = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="a tokenizer.json or .tiktoken: tell with each item what its tokens are"
    ),
]
STDOUT = Path("-")


@items_commands.command("spelling")
@with_examples
def spelling(
    texts: Annotated[list[Path], typer.Argument(metavar="FILE...", help="texts whose words are taken")],
    out: Out = STDOUT,
    seed: Seed = 42,
    per_length: Annotated[
        int, typer.Option(min=4, help="words of each length, from 4 to 10 letters")
    ] = 25_000,
    tokenizer: Measured = None,
) -> None:
    """Ask for the letters of words: how many different ones, how often one occurs, its first and last place.

    pairloom items spelling book.txt --out spelling.jsonl --tokenizer tokenizer.json
    pairloom items spelling book.txt --per-length 100
    """
    from pairloom.operators.evaluate.content import covariates
    from pairloom.operators.evaluate.items import spelling_items

    vocabulary = _vocabulary(tokenizer, spelling=True)
    words = {word for text in texts for word in re.findall(r"[a-zA-Z]+", read_text(text))}
    items: Iterable[dict[str, Any]] = spelling_items(words, seed=seed, per_length=per_length)
    if vocabulary is not None:
        items = (item | covariates(vocabulary, item["word"], item["index"]) for item in items)
    _write(
        items, out, f"{', '.join(map(str, texts))} has fewer than 4 words of any length from 4 to 10 letters"
    )


@items_commands.command("counting")
@with_examples
def counting(
    out: Out = STDOUT,
    count: Annotated[int, typer.Option(min=1, help="strings of each range of lengths")] = 100,
    letters: Annotated[str, typer.Option(help="what the strings are made of")] = "ab",
    seed: Seed = 0,
    tokenizer: Measured = None,
) -> None:
    """Ask how often a letter occurs in strings of 10 to 40, each in seven forms: plain, spaced, commas, quoted, ...

    pairloom items counting --letters ab --count 500 --out counting.jsonl
    pairloom items counting --tokenizer tokenizer.json
    """
    from pairloom.operators.evaluate.content import atomicity
    from pairloom.operators.evaluate.items import counting_items

    if not letters:
        raise typer.BadParameter("name one letter or more", param_hint="--letters")
    vocabulary = _vocabulary(tokenizer, spelling=True)

    def measured() -> Iterator[dict[str, Any]]:
        for item in counting_items(count, letters=letters, seed=seed):
            if vocabulary is None:
                yield item
                continue
            row = next(row for row in atomicity(vocabulary, item["letters"]) if row["form"] == item["form"])
            yield item | {key: row[key] for key in ("characters", "tokens", "atomic", "all")}

    _write(measured(), out)


@items_commands.command("addition")
@with_examples
def addition(
    out: Out = STDOUT,
    count: Annotated[int, typer.Option(min=1, help="additions of each pair of numbers of digits")] = 100,
    shots: Annotated[int, typer.Option(min=0, help="solved additions before each")] = 8,
    digits: Annotated[
        str, typer.Option(metavar="LIST", help="how many digits numbers have, each with each: 3 or 7,8,9")
    ] = "7,8,9",
    separator: Annotated[str, typer.Option(help="between groups of three digits, as a comma")] = "",
    direction: Annotated[
        str, typer.Option(help="r2l3 or l2r3: groups from the right or from the left")
    ] = "r2l3",
    reverse: Annotated[
        bool, typer.Option("--reverse", help="sums from their last digit on, as $a+b=sum$")
    ] = False,
    seed: Seed = 0,
    tokenizer: Measured = None,
) -> None:
    """Ask for sums of numbers of 7 to 9 digits; with a tokenizer, say how many are cut elsewhere than their sum.

    pairloom items addition --count 50 --separator , --out addition.jsonl
    pairloom items addition --digits 3 --reverse --shots 0 --count 1000
    """
    from pairloom.operators.evaluate.items import addition_items, misaligned

    if direction not in ("r2l3", "l2r3"):
        raise typer.BadParameter(f"is r2l3 or l2r3, not {direction!r}", param_hint="--direction")
    if not re.fullmatch(r"[1-9][0-9]?(,[1-9][0-9]?)*", digits):
        raise typer.BadParameter(
            f"is a list of numbers from 1 to 99, as 7,8,9, not {digits!r}", param_hint="--digits"
        )
    vocabulary = _vocabulary(tokenizer)
    items = list(
        addition_items(
            count,
            digits=[int(number) for number in digits.split(",")],
            shots=shots,
            separator=separator,
            direction=direction,
            reverse=reverse,
            seed=seed,
        )
    )
    _write(items, out)
    if vocabulary is not None:
        share = misaligned(vocabulary, items)
        sys.stderr.write(f"{share:.1%} of the additions are cut in other places than their sum is\n")


@items_commands.command("deletion")
@with_examples
def deletion(
    out: Out = STDOUT,
    count: Annotated[int, typer.Option(min=1, help="strings of each of three rules")] = 100,
    length: Annotated[int, typer.Option(min=3, help="letters of each string")] = 64,
    seed: Seed = 0,
) -> None:
    """Ask for strings without what a rule deletes: vowels, vowels before small consonants, or ABC written as D.

    pairloom items deletion --count 1000 --out deletion.jsonl
    pairloom items deletion --length 1024
    """
    from pairloom.operators.evaluate.items import deletion_items

    _write(deletion_items(count, length=length, seed=seed), out)


@items_commands.command("langgame")
@with_examples
def langgame(
    texts: Annotated[list[Path], typer.Argument(metavar="FILE...", help="texts whose words are taken")],
    out: Out = STDOUT,
    count: Annotated[int, typer.Option(min=1, help="questions of each of six kinds")] = 100,
    seed: Seed = 0,
) -> None:
    """Ask which of four words has the most of a letter, contains, starts or ends with some, is longest, or shortest.

    pairloom items langgame book.txt --count 1000 --out langgame.jsonl
    pairloom items langgame book.txt --seed 7
    """
    from pairloom.operators.errors import RecipeError
    from pairloom.operators.evaluate.langgame import langgame_items

    words = {word for text in texts for word in re.findall(r"[a-zA-Z]+", read_text(text))}

    def made() -> Iterator[dict[str, Any]]:
        try:
            yield from langgame_items(words, count, seed=seed)
        except ValueError as error:
            raise RecipeError(f"{', '.join(map(str, texts))}: {error}") from error

    _write(made(), out)


@items_commands.command("needles")
@with_examples
def needles(
    out: Out = STDOUT,
    task: Annotated[str, typer.Option(help="single, multi, conditional, thread or threads")] = "single",
    count: Annotated[int, typer.Option(min=1, help="items")] = 100,
    characters: Annotated[int, typer.Option(min=80, help="of each haystack, about")] = 16_000,
    wanted: Annotated[int, typer.Option("--needles", min=1, help="of multi and conditional")] = 1,
    thread_length: Annotated[int, typer.Option(min=1, help="steps of a thread")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="of threads")] = 1,
    direction: Annotated[
        str, typer.Option(help="forward, backward or random: how a thread's keys stand")
    ] = "forward",
    depth: Annotated[
        float | None, typer.Option(min=0, max=1, help="where the needle of single stands")
    ] = None,
    seed: Seed = 0,
    tokenizer: Measured = None,
) -> None:
    """Ask for values in long JSON objects of random keys and values, one or several, or along threads of them.

    pairloom items needles --task threads --threads 3 --thread-length 5 --characters 64000 --out needles.jsonl
    pairloom items needles --task multi --characters 16000
    """
    from pairloom.operators.errors import RecipeError
    from pairloom.operators.evaluate.needles import needle_item

    vocabulary = _vocabulary(tokenizer)

    def made() -> Iterator[dict[str, Any]]:
        for number in range(count):
            try:
                item = needle_item(
                    task,
                    characters=characters,
                    number=number,
                    seed=seed,
                    needles=wanted,
                    thread_length=thread_length,
                    threads=threads,
                    direction=direction,
                    depth=depth,
                )
            except ValueError as error:
                raise RecipeError(f"{error}; correct --task, --characters or what is asked for") from error
            if vocabulary is not None:
                item["context_tokens"] = len(vocabulary.encode_one(item["haystack"]))
            yield item

    _write(made(), out)


def _vocabulary(path: str | None, *, spelling: bool = False) -> "Vocabulary | None":
    """The vocabulary that was named; with `spelling`, RecipeError for one that does not know where in a text they are."""
    if path is None:
        return None
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.operators.errors import RecipeError
    from pairloom.operators.evaluate.placed import is_placed

    found = load_tokenizer(path)
    if spelling and not is_placed(found):
        raise RecipeError(
            f"{path} is of the model {found.model.name!r}, of which is not known where in a text its tokens are: name another "
            "tokenizer, or leave --tokenizer out"
        )
    return found


def _write(items: Iterable[dict[str, Any]], out: Path, nothing: str = "") -> None:
    """Write items, and say how many; a file is there when it is whole. With `nothing`, none is an error that says it."""
    from pairloom.operators.errors import RecipeError, StorageError

    if out == STDOUT:
        count = _write_lines(items, sys.stdout)
    else:
        part = out.with_name(f".{out.name}.part")
        try:
            with part.open("w", encoding="utf-8") as file:
                count = _write_lines(items, file)
            if count or not nothing:
                part.replace(out)
        except OSError as error:
            raise StorageError(f"cannot write {out}: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    if nothing and not count:
        raise RecipeError(nothing)
    if out != STDOUT:
        sys.stdout.write(f"{out}: {count:,} items\n")


def _write_lines(items: Iterable[dict[str, Any]], file: IO[str]) -> int:
    count = 0
    for item in items:
        file.write(json.dumps(item, ensure_ascii=False) + "\n")
        count += 1
    return count
