"""One line of JSON, read by the standard library: the meaning that the fast path must reproduce."""

import json
import re
from typing import NamedTuple

from pairloom.operators.documents import DeadLetter
from pairloom.pipeline.inputs.slices import Fields, InputFile

__all__ = ["MAX_DEPTH", "Accepted", "Refused", "letter_of", "object_of", "read_line"]

MAX_DEPTH = 256
"""Objects and arrays may nest this deep. The standard parser gives up at a depth that depends on its caller's stack."""

_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class Accepted(NamedTuple):
    """A record that can be used."""

    text: str
    id: str | None
    extra: tuple[str | None, ...] = ()


class Refused(NamedTuple):
    """A record that cannot: a stable slug and what is wrong."""

    reason: str
    detail: str


class _Integer(str):
    """The digits of a JSON integer, kept as text: Python's own integers refuse more than 4,300 of them."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_int=_Integer)
_BLANKS = re.compile(r"[ \t\r\n]*")


def read_line(line: bytes, fields: Fields) -> Accepted | Refused:
    """Read a line that is not blank; of duplicate keys the last one counts.

    >>> read_line(b'{"text": "a", "n": 7}', Fields(id="n", extra=("n", "x")))
    Accepted(text='a', id='7', extra=('7', None))
    >>> read_line(b'{"text": null}', Fields())
    Refused(reason='null_text', detail="field 'text' is null")
    """
    value = object_of(line, _DECODER)
    if isinstance(value, Refused):
        return value
    given = _given(value, fields)
    if isinstance(given, Refused) or not fields.extra:
        return given
    written = _written(line.decode("utf-8"))
    if fields.id is not None:
        written[fields.id] = str(given.id)  # one field is one value
    for name in fields.extra:
        body = value.get(name)
        if isinstance(body, str) and (where := _surrogate(body)) is not None:
            return Refused("lone_surrogate", f"field {name!r} has an unpaired surrogate at character {where}")
    return given._replace(extra=tuple(_as_text(value.get(name), written.get(name)) for name in fields.extra))


def object_of(line: bytes, decoder: json.JSONDecoder) -> dict[str, object] | Refused:
    """The object that a line is; of duplicate keys the last one counts."""
    try:
        decoded = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refused("invalid_utf8", f"byte {error.start} of the record: {error.reason}")
    if _too_deep(decoded):
        return Refused("nested_too_deep", f"objects and arrays nest deeper than {MAX_DEPTH} levels")
    try:
        value = decoder.decode(decoded)
    except RecursionError:  # the caller's own stack is nearly full
        return Refused("nested_too_deep", "objects and arrays nest deeper than the parser's stack")
    except json.JSONDecodeError as error:
        return Refused("invalid_json", f"{error.msg} (character {error.pos} of the record)")
    if not isinstance(value, dict):
        return Refused("not_an_object", f"the line holds {_kind(value)}, not an object")
    return value


def letter_of(file: InputFile, position: int, row: int, refused: Refused, excerpt: str) -> DeadLetter:
    """The dead letter of a line, which begins at a byte of the file and is a record of the slice."""
    return DeadLetter(file.uri, f"byte {position}", row, refused.reason, refused.detail, excerpt)


def _given(value: dict[str, object], fields: Fields) -> Accepted | Refused:
    """The text and the id of a record."""
    text, id_field = fields.text, fields.id
    if text not in value:
        return Refused("missing_text", f"no field {text!r}; the record has {sorted(value)[:20]}")
    body = value[text]
    if body is None:
        return Refused("null_text", f"field {text!r} is null")
    if not isinstance(body, str) or isinstance(body, _Integer):
        return Refused("text_not_a_string", f"field {text!r} is {_kind(body)}{_instead(text, body)}")
    if (where := _surrogate(body)) is not None:
        return Refused("lone_surrogate", f"field {text!r} has an unpaired surrogate at character {where}")
    if id_field is None:
        return Accepted(body, None)
    if id_field not in value:
        return Refused("missing_id", f"no field {id_field!r}; the record has {sorted(value)[:20]}")
    name = value[id_field]
    if name is None:
        return Refused("null_id", f"field {id_field!r} is null")
    if not isinstance(name, str):
        return Refused("id_not_a_string", f"field {id_field!r} is {_kind(name)}; ids are strings or integers")
    if (where := _surrogate(name)) is not None:
        return Refused("lone_surrogate", f"field {id_field!r} has an unpaired surrogate at character {where}")
    if isinstance(name, _Integer):
        return Accepted(body, "0" if name == "-0" else str(name))
    return Accepted(body, name)


def _as_text(value: object, written: str | None) -> str | None:
    """A value of another field: a string as it is, null as None, anything else as it is written."""
    return value if value is None or (isinstance(value, str) and not isinstance(value, _Integer)) else written


def _written(decoded: str) -> dict[str, str]:
    """The values of a line that holds an object, as they are written."""
    found: dict[str, str] = {}
    at = _after_blanks(decoded, decoded.index("{") + 1)
    while decoded[at] != "}":
        key, at = _DECODER.raw_decode(decoded, at)
        start = _after_blanks(decoded, _after_blanks(decoded, at) + 1)
        _, at = _DECODER.raw_decode(decoded, start)
        found[key] = decoded[start:at]
        at = _after_blanks(decoded, at)
        if decoded[at] == ",":
            at = _after_blanks(decoded, at + 1)
    return found


def _after_blanks(decoded: str, at: int) -> int:
    match = _BLANKS.match(decoded, at)
    assert match is not None
    return match.end()


def _surrogate(value: str) -> int | None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def _too_deep(decoded: str) -> bool:
    if decoded.count("{") + decoded.count("[") <= MAX_DEPTH:
        return False
    depth = deepest = 0
    for match in _STRUCTURE.finditer(decoded):
        first = match[0][0]
        depth += (first in "[{") - (first in "]}")
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


def _instead(name: str, value: object) -> str:
    """What may be asked for in place of a field that is no text."""
    if isinstance(value, list):
        return "; list_separator says what stands between its texts"
    field = next((key for key in value if key.isidentifier()), None) if isinstance(value, dict) else None
    return "" if field is None else f"; name a field of it, as {f'{name}.{field}'!r}"


def _kind(value: object) -> str:
    if isinstance(value, _Integer | float | bool):
        return f"the {'boolean' if isinstance(value, bool) else 'number'} {str(value)[:40].lower()}"
    names = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    return names[type(value)]
