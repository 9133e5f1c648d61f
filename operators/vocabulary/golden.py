"""Golden documents: texts whose ids travel with a vocabulary and are checked again when it is read."""

__all__ = ["GOLDEN"]

# Each has broken some tokenizer: contractions, digits, runs of spaces, line ends, case, scripts without spaces, marks,
# emoji joined by U+200D, the edges of UTF-8's lengths, text that looks like a special token, long runs of one letter.
GOLDEN = (
    "",
    "Hello, world! It's 2024; we'll see what they'VE done, y'all.",
    "3.14159 1234567 0x1F 10^9 ½ ² ٣٤٥",
    "a  b   c\t\td \n\n  e \r\n f   ",
    "def f(x):\n    return {'k': [x ** 2, \"s\"]}  # ok\n",
    "camelCase HTTPServer ÉCOLE straße ǅ İstanbul",
    "你好，世界。日本語のテキスト 한국어 ไทย",  # noqa: RUF001
    "नमस्ते दुनिया العربية עברית Ελληνικά кириллица",
    "👩‍👩‍👧‍👦 🇳🇱 e\u0301 \u00a0\u2003\u3000x \u07ff\u0800\uffff\U00010000\U0010ffff",
    "<|endoftext|> <s> </s> <|im_start|>user [INST] <unk>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
)
