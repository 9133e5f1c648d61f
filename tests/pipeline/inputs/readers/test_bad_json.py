"""Lines of JSON that are bad: what is wrong with one line costs that line."""

import gzip

import pytest

from tests.pipeline.inputs.readers.cases import (
    GOOD,
    Case,
    check,
    line,
)

CASES = {
    # Lines of JSON: what is wrong with one line costs that line.
    "json: not json": line(b"{oops", "invalid_json"),
    "json: cut short": line(b'{"text":"a', "invalid_json"),
    "json: two objects on a line": line(b'{"text":"a"}{"text":"b"}', "invalid_json"),
    "json: something behind the object": line(b'{"text":"a"} x', "invalid_json"),
    "json: null behind the object": line(b'{"text":"a"} null', "invalid_json"),
    "json: only a line of null": Case(
        "x.jsonl", b"null\nnull\n", [], [("byte 0", "not_an_object"), ("byte 5", "not_an_object")]
    ),
    "json: an array": line(b'[{"text":"a"}]', "not_an_object"),
    "json: a string": line(b'"a"', "not_an_object"),
    "json: a number": line(b"12", "not_an_object"),
    "json: trailing comma": line(b'{"text":"a",}', "invalid_json"),
    "json: single quotes": line(b"{'text':'a'}", "invalid_json"),
    "json: comment": line(b'{"text":"a"} // c', "invalid_json"),
    "json: raw control character": line(b'{"text":"a\x01"}', "invalid_json"),
    "json: raw tab": line(b'{"text":"a\tb"}', "invalid_json"),
    "json: zero byte": line(b'{"text":"a\x00b"}', "invalid_json"),
    "json: only zeros": line(b"\x00\x00\x00", "invalid_json"),
    "json: a form feed is no blank": line(b"\x0c", "invalid_json"),
    "json: unknown escape": line(b'{"text":"\\x41"}', "invalid_json"),
    "json: half an escape": line(b'{"text":"\\u12"}', "invalid_json"),
    "json: leading zero": line(b'{"text":"a","n":01}', "invalid_json"),
    "json: number without fraction": line(b'{"text":"a","n":1.}', "invalid_json"),
    "json: byte order mark within the file": line(b'\xef\xbb\xbf{"text":"a"}', "invalid_json"),
    "json: no-break space": line(b'\xc2\xa0{"text":"a"}', "invalid_json"),
    "json: missing text": line(b'{"txet":"a"}', "missing_text"),
    "json: empty object": line(b"{}", "missing_text"),
    "json: text only within another field": line(b'{"x":{"text":"a"}}', "missing_text"),
    "json: null text": line(b'{"text":null}', "null_text"),
    "json: number": line(b'{"text":5}', "text_not_a_string"),
    "json: list": line(b'{"text":["a"]}', "text_not_a_string"),
    "json: boolean": line(b'{"text":true}', "text_not_a_string"),
    "json: the last of two texts counts": line(b'{"text":"a","text":null}', "null_text"),
    "json: lone high surrogate": line(b'{"text":"\\ud800"}', "lone_surrogate"),
    "json: lone low surrogate": line(b'{"text":"\\udc00x"}', "lone_surrogate"),
    "json: surrogates the wrong way round": line(b'{"text":"\\ude00\\ud83d"}', "lone_surrogate"),
    "json: latin-1": line(b'{"text":"caf\xe9"}', "invalid_utf8"),
    "json: surrogate in utf-8": line(b'{"text":"\xed\xa0\x80"}', "invalid_utf8"),
    "json: overlong": line(b'{"text":"\xc0\x80"}', "invalid_utf8"),
    "json: above unicode": line(b'{"text":"\xf4\x90\x80\x80"}', "invalid_utf8"),
    "json: bad utf-8 in a field nobody wants": line(b'{"text":"a","x":"\xff"}', "invalid_utf8"),
    "json: nested too deep": line(b'{"text":"a","x":' + b"[" * 300 + b"]" * 300 + b"}", "nested_too_deep"),
    "json: very deep": line(b"[" * 500_000, "nested_too_deep"),
    "json: missing id": line(b'{"text":"a"}', "missing_id", id_field="id"),
    "json: null id": line(b'{"text":"a","id":null}', "null_id", id_field="id"),
    "json: fraction as id": line(b'{"text":"a","id":1.0}', "id_not_a_string", id_field="id"),
    "json: boolean as id": line(b'{"text":"a","id":true}', "id_not_a_string", id_field="id"),
    "json: surrogate in id": line(b'{"text":"a","id":"\\ud800"}', "lone_surrogate", id_field="id"),
    "json: utf-16": Case("x.jsonl", '{"text":"a"}'.encode("utf-16"), error="are those of UTF-16"),
    "json: too long": Case(
        "x.jsonl",
        GOOD * 3 + b'{"text":"' + b"a" * 100 + b'"}',
        limits={"max_record_bytes": 99},
        error=r"the record at byte 39 is longer than 99 bytes",
    ),
    "json: too long, in parts": Case(
        "x.jsonl",
        GOOD + b" " * (5 << 20),
        limits={"max_record_bytes": 99, "batch_bytes": 10},
        error=r"the record at byte 13 is longer than 99 bytes",
    ),
    "json: no newline anywhere": Case(
        "x.jsonl.gz",
        gzip.compress(b"a" * (5 << 20)),
        limits={"max_record_bytes": 1 << 20},
        error="the record at byte 0 is longer",
    ),
    # Not bad, only unusual.
    "json: last line without newline": Case("x.jsonl", GOOD + GOOD[:-1], ["a", "a"]),
    "json: blank lines": Case("x.jsonl", b"\n \t\n\r\n" + GOOD + b"\n\n" + GOOD + b"  ", ["a", "a"]),
    "json: byte order mark": Case("x.jsonl", b"\xef\xbb\xbf" + GOOD, ["a"]),
    "json: windows line ends": Case("x.jsonl", b'{"text":"a"}\r\n{"text":"b"}\r\n', ["a", "b"]),
    "json: escaped key": Case("x.jsonl", b'{"te\\u0078t":"a"}', ["a"]),
    "json: surrogate in a field nobody wants": Case("x.jsonl", b'{"text":"a","x":"\\ud800"}', ["a"]),
    "json: not a number": Case("x.jsonl", b'{"text":"a","x":[NaN,-Infinity]}', ["a"]),
    "json: a number of 5000 digits": Case("x.jsonl", b'{"text":"a","x":' + b"7" * 5000 + b"}", ["a"]),
    "json: looks like a time": Case("x.jsonl", b'{"text":"2020-01-01T00:00:00Z"}', ["2020-01-01T00:00:00Z"]),
    "json: empty file": Case("x.jsonl", b"", []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input(tmp_path, case):
    check(tmp_path, case)
