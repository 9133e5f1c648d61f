"""The named pretokenizers: the patterns that the tokenizers of the field use, and what `digits` changes.

Each scheme is one or more regular expressions in the syntax of Oniguruma and `regex`, applied one after
another (`Split` with behaviour `Isolated` in Hugging Face's terms). `{digits}` marks where a scheme splits
numbers. The option `digits` puts another rule there: `single` (one digit a piece), `l2r3` (groups of three
from the left: 123|456|7) or `r2l3` (groups of three from the right: 1|234|567); `keep` leaves the scheme's
own.

Sources: the published `tokenizer.json` and tiktoken definitions of GPT-2, cl100k_base, o200k_base, Llama 3,
Qwen 2 and 3.5, DeepSeek-V3, and SuperBPE's training scripts.
"""

__all__ = ["DIGITS", "LINES", "SCHEMES", "patterns"]

DIGITS = {
    "single": r"\p{N}",
    "l2r3": r"\p{N}{1,3}",
    "r2l3": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
}

# Cuts a text into lines, each with its ending; what comes before everything else where lines are texts of their own.
LINES = r"[^\n]*\n"

_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_CL100K_TAIL = r"|[^\r\n\p{L}\p{N}]?\p{L}+|{digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_O200K_TAIL = r"|{digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# scheme -> (its patterns, its own rule for numbers)
SCHEMES: dict[str, tuple[tuple[str, ...], str]] = {
    "gpt2": ((r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|{digits}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",), r" ?\p{N}+"),
    "cl100k": (
        # Published with {1,3}+, which matches the same in tiktoken, but any number of digits in Oniguruma.
        (
            (
                r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|{digits}| ?[^\s\p{L}\p{N}]++[\r\n]*+"
                r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
            ),
        ),
        r"\p{N}{1,3}",
    ),
    "cl100k_2023": (
        (
            (
                r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|{digits}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                r"|\s*[\r\n]|\s+(?!\S)|\s+"
            ),
        ),
        r"\p{N}{1,3}",
    ),
    "llama3": ((_CONTRACTION + _CL100K_TAIL,), r"\p{N}{1,3}"),
    "o200k": (
        (
            (
                rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}?"
                rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}?"
            )
            + _O200K_TAIL,
        ),
        r"\p{N}{1,3}",
    ),
    "qwen2": ((_CONTRACTION + _CL100K_TAIL,), r"\p{N}"),
    "qwen35": (
        (
            _CONTRACTION
            + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|{digits}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ),
        r"\p{N}",
    ),
    "deepseek_v3": (
        (
            r"{digits}",
            "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
            (
                r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
                r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            ),
        ),
        r"\p{N}{1,3}",
    ),
    "superbpe": (
        (
            rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
            + _O200K_TAIL,
        ),
        r"\p{N}{1,3}",
    ),
    # The second stage of SuperBPE: what no alternative matches, words with the spaces between them, is one piece.
    "superwords": ((r"{digits}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S)",), r"\p{N}{1,3}"),
    "whitespace": ((r" ?\S+|\s+(?!\S)|\s+",), ""),
    "none": ((), ""),
}


def patterns(scheme: str, digits: str = "keep") -> tuple[str, ...]:
    r"""The regular expressions of a scheme, to be applied in turn; none at all leaves a document whole.

    >>> patterns("whitespace")
    (' ?\\S+|\\s+(?!\\S)|\\s+',)
    """
    shapes, own = SCHEMES[scheme]
    if scheme == "whitespace" and digits != "keep":
        return (rf" ?[^\s\p{{N}}]+|{DIGITS[digits]}|\s+(?!\S)|\s+",)
    if scheme == "none" and digits != "keep":
        return (rf"[^\p{{N}}]+|{DIGITS[digits]}",)
    rule = own if digits == "keep" else DIGITS[digits]
    return tuple(shape.replace("{digits}", rule) for shape in shapes)
