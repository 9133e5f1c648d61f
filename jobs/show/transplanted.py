"""What became of a model's rows, in lines."""

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["show_adapted", "show_transplanted"]


def show_transplanted(found: Mapping[str, Any]) -> None:
    """Of each tensor its size, where the rows come from, and what to look after."""
    rows, numbers = found["origins"], found["numbers"]
    made = f"{rows['method']:,} by {found['method']['name']}, " if rows["method"] else ""
    lines = [
        f"{one['name']}: {one['kind']} {one['before']} is {one['after']} now" for one in found["tensors"]
    ]
    lines.append(
        f"{found['rows']:,} rows: {rows['same']:,} of the same token, {rows['role']:,} of the same role, {rows['pieces']:,} the "
        f"mean of their pieces, {made}{rows['all']:,} of all rows, {rows['padding']:,} padding"
    )
    if numbers["old"] != numbers["new"]:
        lines.append(
            f"numbers are cut {numbers['old']} by the old vocabulary and {numbers['new']} by the new one: expect worse arithmetic"
        )
    lines += [f"{key} named a token that the new vocabulary has not: say it anew" for key in found["lost"]]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def show_adapted(found: Mapping[str, Any]) -> None:
    """The new tokens, what text takes before and after, and the rows."""
    before, after = found["text"]["before"], found["text"]["after"]
    sys.stdout.write(
        f"{found['base_tokens']:,} tokens as before and {found['tokens'] - found['base_tokens']:,} new ones, of which "
        f"{found['reachable']:,} are reached\n"
        f"{before['tokens_per_word']:.3f} tokens a word before, {after['tokens_per_word']:.3f} after; "
        f"{before['bytes_per_token']:.3f} bytes a token before, {after['bytes_per_token']:.3f} after, in "
        f"{after['words']:,} words\n"
    )
    show_transplanted(found["model"])
    sys.stdout.write(f"{found['out']}: model/, tokenizer/, adapt.json\n")
