"""`pairloom vocabulary cover` and `never`: which tokens a text may begin with, what byte comes next, which tokens never meet."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairloom.jobs.commands.options import AsJson

if TYPE_CHECKING:
    from pairloom.operators import Vocabulary
    from pairloom.operators.evaluate.next_bytes import Cover, Covers

__all__ = ["cover_command", "never_command"]

VocabularyArgument = Annotated[
    str, typer.Argument(metavar="VOCABULARY", help="a tokenizer.json, a .tiktoken file, or a root")
]


def cover_command(
    vocabulary: VocabularyArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="a prompt, or where a text is cut")],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="ROOT", help="with `statistics: [language_model]` of this vocabulary: what comes next"
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="tokens and bytes to show")] = 10,
    as_json: AsJson = False,
) -> None:
    """Say which tokens a text may begin with, whether it ends inside one, and with a model which byte comes next.

    These are all sequences that the tokenizer makes of some text that begins like this: that of the text itself, and those whose
    last token goes beyond it. The probabilities of next bytes are exact sums over them.

    pairloom vocabulary cover words.json "the ol"
    pairloom vocabulary cover out "the ol" --model out --json
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.operators.evaluate.next_bytes import Covers

    covers = Covers.of(load_tokenizer(vocabulary))
    found = covers.cover(text)
    facts: dict[str, Any] = {
        "text": text,
        "covers": [_cover(covers, one) for one in found],
        "inside": sum(bool(one.beyond) for one in found),
    }
    if model is not None:
        facts |= _by_model(covers, found, text, model)
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    _show(facts, top)


def never_command(
    vocabulary: VocabularyArgument,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="as text, or its id as #17")],
    top: Annotated[int, typer.Option(min=1, help="tokens to show")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say which tokens never follow a token: pairs that the tokenizer makes of no text, and no model is ever trained on.

    They are looked for alone and between letters, digits, white space and punctuation.

    pairloom vocabulary never words.json th
    pairloom vocabulary never words.json "#17" --json
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.operators.evaluate.next_bytes import Covers

    covers = Covers.of(load_tokenizer(vocabulary))
    number = _number(covers.vocabulary, token)
    never = covers.never_after(number)
    if as_json:
        facts = {"id": number, "token": _shown(covers.tokens[number]), "never": never, "of": len(covers.ids)}
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    some = ", ".join(repr(_shown(covers.tokens[one])) for one in never[:top])
    more = f" and {len(never) - top:,} more" if len(never) > top else ""
    sys.stdout.write(
        f"{_shown(covers.tokens[number])!r} is never followed by {len(never):,} of {len(covers.ids):,} tokens: {some}{more}\n"
    )


def _number(vocabulary: "Vocabulary", token: str) -> int:
    from pairloom.operators.errors import RecipeError

    if token.startswith("#") and token[1:].isdecimal():
        number = int(token[1:])
        if number >= len(vocabulary) or number in vocabulary.reserved_ids:
            raise RecipeError(
                f"{token} is no token of text: the vocabulary has ids below {len(vocabulary):,}"
            )
        return number
    try:
        return vocabulary.token_to_id(token.encode())
    except (KeyError, ValueError) as error:
        raise RecipeError(f"there is no token {token!r}; name another, or its id as #17") from error


def _by_model(covers: "Covers", found: "list[Cover]", text: str, root: str) -> dict[str, Any]:
    """What a language model says of a text."""
    from pairloom.operators.errors import DataError, RecipeError
    from pairloom.operators.ngram import NgramModel
    from pairloom.pipeline import open_dataset

    dataset = open_dataset(root)
    if dataset.manifest.fingerprint != covers.vocabulary.fingerprint:
        raise RecipeError(f"the model of {root} is of another vocabulary: name {root} as the vocabulary too")
    try:
        model = NgramModel.of_table(dataset.statistic("language_model"), len(covers.vocabulary))
    except DataError as error:
        raise DataError(f"the language model of {root}: {error}") from error
    prepend = dataset.manifest.recipe["tokenize"]["prepend"]
    before = tuple(covers.vocabulary.special_id(one) for one in prepend)
    following, whole = covers.next_bytes(text, model.distribution, before)
    inside = 0.0
    if found and whole > 0:
        first = [one for one in found if not one.beyond]
        inside = 1 - sum(covers.probability(one.ids, model.distribution, before) for one in first) / whole
    order = sorted(range(256), key=lambda byte: (-following[byte], byte))
    return {
        "probability": whole,
        "ends_inside": max(0.0, inside),
        "next": [[byte, float(following[byte])] for byte in order if following[byte] > 0],
    }


def _cover(covers: "Covers", one: "Cover") -> dict[str, Any]:
    return {
        "ids": list(one.ids),
        "tokens": [_shown(covers.tokens[k]) for k in one.ids],
        "beyond": _shown(one.beyond),
    }


def _show(facts: dict[str, Any], top: int) -> None:
    covers = facts["covers"]
    for one in covers[:top]:
        beyond = f"  goes on {one['beyond']!r}" if one["beyond"] else ""
        sys.stdout.write(f"{' '.join(map(repr, one['tokens']))}{beyond}\n")
    if len(covers) > top:
        sys.stdout.write(f"and {len(covers) - top:,} more\n")
    said = (
        f"in {facts['inside']:,} tokens the text would end inside"
        if facts["inside"]
        else "no token goes on from here"
    )
    if "next" in facts:
        said += f"; by the model it does so with a probability of {facts['ends_inside']:.3f}"
    sys.stdout.write(said + "\n")
    for byte, share in facts.get("next", [])[:top]:
        sys.stdout.write(f"{share:8.4f}  {_shown(bytes([byte]))!r}\n")


def _shown(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
