"""Sealed JSON: an object whose last field is the SHA-256 of what comes before it, so that a changed digit is noticed."""

import hashlib
import re

from pydantic import ValidationError

__all__ = ["fault", "seal", "unseal"]

_MARK = b',"sha256":"'
_END = re.compile(rb'[0-9a-f]{64}"}\n')


def seal(body: str) -> bytes:
    """An object in JSON, `{...}` with at least one field, sealed.

    >>> unseal(seal('{"a":1}'))
    (b'{"a":1}', True)
    """
    digest = hashlib.sha256(body.encode()).hexdigest()
    return (body.removesuffix("}") + f'{_MARK.decode()}{digest}"}}\n').encode()


def unseal(data: bytes) -> tuple[bytes, bool]:
    """What was sealed, and whether it was; raises ValueError where it is not what was sealed.

    Bytes without a seal come back as they are. What had one and has lost it by damage is another object, with a field too many,
    or none at all.
    """
    body, mark, tail = data.rpartition(_MARK)
    if not mark or not _END.fullmatch(tail):
        return data, False
    body += b"}"
    if tail[:64].decode() != hashlib.sha256(body).hexdigest():
        raise ValueError("its bytes do not match its SHA-256")
    return body, True


def fault(error: ValueError) -> str:
    """In one line, why an object cannot be read: the first thing that a model has against it, where a model has.

    >>> fault(ValueError("its bytes do not match its SHA-256"))
    'its bytes do not match its SHA-256'
    """
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
