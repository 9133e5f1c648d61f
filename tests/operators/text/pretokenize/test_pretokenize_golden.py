"""How each scheme cuts one text: read these first to see what sets the schemes apart."""

import pytest

from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.pretokenize.schemes import SCHEMES

TEXT = "I'LL pay $1,234567.5  to\n\n  DrMüller's(東京・x) cafe\u0301s! \n  "

GOLDEN = {
    "gpt2": "I|'|LL| pay| $|1|,|234567|.|5| | to|\n\n | DrMüller|'s|(|東京|・|x|)| cafe|\u0301|s|!| \n  ",
    "cl100k": "I|'LL| pay| $|1|,|234|567|.|5| | to|\n\n| | DrMüller|'s|(東京|・x|)| cafe|\u0301s|!| \n  ",
    "cl100k_2023": "I|'LL| pay| $|1|,|234|567|.|5| | to|\n\n| | DrMüller|'s|(東京|・x|)| cafe|\u0301s|!| \n|  ",
    "llama3": "I|'LL| pay| $|1|,|234|567|.|5| | to|\n\n| | DrMüller|'s|(東京|・x|)| cafe|\u0301s|!| \n|  ",
    "o200k": "I'LL| pay| $|1|,|234|567|.|5| | to|\n\n| | Dr|Müller's|(東京|・x|)| cafe\u0301s|!| \n|  ",
    "qwen2": "I|'LL| pay| $|1|,|2|3|4|5|6|7|.|5| | to|\n\n| | DrMüller|'s|(東京|・x|)| cafe|\u0301s|!| \n|  ",
    "qwen35": "I|'LL| pay| $|1|,|2|3|4|5|6|7|.|5| | to|\n\n| | DrMüller|'s|(東京|・x|)| cafe\u0301s|!| \n|  ",
    "deepseek_v3": "I|'LL| pay| $|1|,|234|567|.|5| | to|\n\n| | DrMüller|'s|(|東京|・|x|)| cafe\u0301s|!| \n|  ",
    "superbpe": "I|'LL| pay| $|1|,|234|567|.|5| | to|\n\n| | Dr|Müller|'s|(東京|・x|)| cafe\u0301s|!| \n|  ",
    "superwords": "I'LL pay $|1|,|234|567|.|5| | to\n\n| | DrMüller's(東京・x) cafe\u0301s!| |\n|  ",
    "whitespace": "I'LL| pay| $1,234567.5| | to|\n\n | DrMüller's(東京・x)| cafe\u0301s!| \n  ",
    "none": "I'LL pay $1,234567.5  to\n\n  DrMüller's(東京・x) cafe\u0301s! \n  ",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_text_in_every_scheme(scheme):
    assert "|".join(Pretokenizer(scheme=scheme).split_text(TEXT)) == GOLDEN[scheme]
