"""What a `tokenizer.json` does to text first, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MARKER", "Front", "UnknownFrontError", "read_front"]

MARKER = "\u2581"

# Normalizers that do to each character what they do to it alone, but for those that `characters.py` knows.
_BY_CHARACTER = (
    "BertNormalizer",
    "Lowercase",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Nmt",
    "Precompiled",
    "StripAccents",
)

# Pretokenizers that leave white space out, and how `Front.cut` calls them.
_PARTS = {"BertPreTokenizer": "bert", "WhitespaceSplit": "space", "Whitespace": "whitespace"}


class UnknownFrontError(Exception):
    """A pretokenizer that kernels do not know; the message says why, as "its pre_tokenizer …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What is done to a text before its words are encoded.

    `steps` are the normalizers (JSON values) that work character by character, and what follows them is said by the other
    fields; but where `whole` names a normalizer that does not, the library does all that the normalizers do.

    With `marker`, spaces become U+2581. `prefix` is when one is put before a text that does not begin with one: never, always,
    or for the first part of a document; with `prepend`, one is put there even so. With `runs`, spaces in a row are one;
    `strip` has l and r for the sides at which they are taken off. With `words`, white space parts words before spaces become
    U+2581, and is left out. `cut` is by what words are parted: bert, whitespace (runs of word characters, runs of others),
    space (white space, which is left out), marker (before each U+2581), or none.
    """

    steps: tuple[Mapping[str, Any], ...] = ()
    whole: str | None = None
    marker: bool = False
    prefix: str = "never"
    prepend: bool = False
    runs: bool = False
    strip: str = ""
    words: bool = False
    cut: str = "none"

    @property
    def parted(self) -> bool:
        """Whether white space parts words and is left out."""
        return self.cut in ("bert", "whitespace", "space")


def read_front(normalizer: Mapping[str, Any] | None, pretokenizer: Mapping[str, Any] | None) -> Front:
    r"""What both do together; raises UnknownFrontError for a pretokenizer that is not known.

    >>> read_front(None, {"type": "BertPreTokenizer"}).cut
    'bert'
    >>> read_front({"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, None).marker
    True
    """
    steps = _flat(normalizer, "normalizers")
    cuts = _flat(pretokenizer, "pretokenizers")
    parts = len(cuts) == 1 and cuts[0]["type"] in _PARTS
    found = _normal(steps, any(step["type"] == "Metaspace" for step in cuts), parts=parts)
    found.update(_cut(cuts, bool(found.get("marker"))))
    front = Front(**found)
    if front.prefix == "first" and (front.steps or front.whole is not None or front.strip):
        raise UnknownFrontError("its Metaspace has prepend_scheme='first' after a normalizer")
    if front.words and any(_is_joining(step) and step["content"] == MARKER for step in steps):
        raise UnknownFrontError("its WhitespaceSplit goes after a normalizer that makes U+2581 of spaces")
    return front


def _flat(node: Mapping[str, Any] | None, inside: str) -> list[Mapping[str, Any]]:
    if node is None:
        return []
    if node["type"] == "Sequence":
        return [one for part in node[inside] for one in _flat(part, inside)]
    return [node]


def _normal(steps: list[Mapping[str, Any]], spaced: bool, *, parts: bool) -> dict[str, Any]:
    # `spaced`: spaces become U+2581 after the normalizers, as those do that `_is_marking` knows. Where white space is what
    # `parts` words, U+2581 is a character as others, and no space may stand for it.
    found: dict[str, Any] = {}
    left = list(steps)
    if left and _is_marking(left[-1]) and not parts:
        found["marker"] = True
        left.pop()
        if left and left[-1]["type"] == "Prepend" and left[-1].get("prepend") == MARKER:
            found["prepend"] = True
            left.pop()
    if not found.get("prepend") and left and _is_joining(left[-1], spaced or "marker" in found):
        found["runs"] = True
        left.pop()
    if not found.get("prepend") and left and left[-1]["type"] == "Strip":
        sides = {"l": left[-1].get("strip_left", True), "r": left[-1].get("strip_right", True)}
        found["strip"] = "".join(side for side, there in sides.items() if there)
        left.pop()
    other = next((one["type"] for one in left if not _is_by_character(one)), None)
    if other is not None:
        found = {name: value for name, value in found.items() if name == "marker"}
        found["whole"] = other
    else:
        found["steps"] = tuple(left)
    return found


def _is_marking(step: Mapping[str, Any]) -> bool:
    return (
        step["type"] == "Replace" and step.get("pattern") == {"String": " "} and step.get("content") == MARKER
    )


def _is_joining(step: Mapping[str, Any], marker: bool = True) -> bool:
    # Two spaces or more become one, or the mark that a space becomes after.
    return (
        step["type"] == "Replace"
        and step.get("pattern") == {"Regex": " {2,}"}
        and step.get("content") in ((" ", MARKER) if marker else (" ",))
    )


def _is_by_character(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Replace":
        pattern = step.get("pattern")
        return isinstance(pattern, dict) and len(pattern.get("String", "")) == 1
    return step["type"] in _BY_CHARACTER


def _cut(steps: list[Mapping[str, Any]], marker: bool) -> dict[str, Any]:
    kinds = [step["type"] for step in steps]
    if marker and kinds == ["Split"] and steps[0].get("pattern") == {"String": " "}:
        return {}  # there are no spaces any more
    if not kinds:
        return {}
    if len(kinds) == 1 and kinds[0] in _PARTS:
        return {"cut": _PARTS[kinds[0]]}
    if kinds in (["Metaspace"], ["WhitespaceSplit", "Metaspace"]):
        return _metaspace(steps[-1], parted=len(kinds) == 2, marker=marker)
    raise UnknownFrontError(f"its pre_tokenizer is {', '.join(kinds)}")


def _metaspace(step: Mapping[str, Any], *, parted: bool, marker: bool) -> dict[str, Any]:
    scheme, split = step.get("prepend_scheme", "always"), step.get("split", True)
    if step.get("replacement") != MARKER:
        raise UnknownFrontError(f"its Metaspace has replacement={step.get('replacement')!r}")
    if parted and (scheme != "always" or not split or marker):
        raise UnknownFrontError(f"its WhitespaceSplit goes before a Metaspace with prepend_scheme={scheme!r}")
    return {
        "marker": True,
        "prefix": scheme,
        "cut": "marker" if split else "none",
        "words": parted,
    }
