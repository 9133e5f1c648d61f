"""The named pretokenizers as the scanner knows them: by classes of characters, a family and three numbers."""

from dataclasses import dataclass, replace

from pairloom.operators.text.pretokenize.kernels.characters import (
    DIGITS_LEFT,
    DIGITS_RIGHT,
    DIGITS_RUN,
    DIGITS_SINGLE,
    DIGITS_TAKE_BLANK,
    EXACT,
    FOLDED,
    SPACES_JOIN,
    SYMBOLS_JOIN,
    WHOLE_TAIL,
    Rule,
)

__all__ = ["Rules", "rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A scheme as the scanner (`kernels/scan.py`) knows it: a profile of character classes, a family, and its `Rule`."""

    profile: str
    family: str
    contractions: int = 0
    option: int = 0
    digits: int = DIGITS_RUN

    def rule(self) -> Rule:
        """The three numbers, as the kernel wants them."""
        return Rule(self.contractions, self.option, self.digits)


_RULES = {
    "gpt2": Rules(profile="words", family="spaced", contractions=EXACT, option=DIGITS_TAKE_BLANK),
    "cl100k": Rules(
        profile="words", family="prefixed", contractions=FOLDED, option=WHOLE_TAIL, digits=DIGITS_LEFT
    ),
    "cl100k_2023": Rules(profile="words", family="prefixed", contractions=FOLDED, digits=DIGITS_LEFT),
    "llama3": Rules(profile="words", family="prefixed", contractions=FOLDED, digits=DIGITS_LEFT),
    "o200k": Rules(profile="cased", family="cased", contractions=FOLDED, digits=DIGITS_LEFT),
    "qwen2": Rules(profile="words", family="prefixed", contractions=FOLDED, digits=DIGITS_SINGLE),
    "qwen35": Rules(profile="marked", family="prefixed", contractions=FOLDED, digits=DIGITS_SINGLE),
    "deepseek_v3": Rules(profile="segmented", family="segmented", digits=DIGITS_LEFT),
    "superbpe": Rules(profile="cased", family="cased", digits=DIGITS_LEFT),
    "superwords": Rules(profile="words", family="isolated", digits=DIGITS_LEFT),
    "whitespace": Rules(profile="spaces", family="spaced", option=SYMBOLS_JOIN),
}


def rules(scheme: str, digits: str = "keep") -> Rules | None:
    """The rules by which the scanner cuts as `patterns(scheme, digits)` do; None where a document stays whole."""
    if scheme == "none":
        found = Rules(profile="digits", family="spaced", option=SYMBOLS_JOIN | SPACES_JOIN)
        if digits == "keep":
            return None
    else:
        found = _RULES[scheme]
    if digits == "keep":
        return found
    if scheme == "whitespace":
        found = replace(found, profile="spaces_digits")
    if found.family == "spaced":
        found = replace(found, option=found.option & ~DIGITS_TAKE_BLANK)
    return replace(found, digits={"single": DIGITS_SINGLE, "l2r3": DIGITS_LEFT, "r2l3": DIGITS_RIGHT}[digits])
