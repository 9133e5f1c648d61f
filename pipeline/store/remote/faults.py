"""What may be tried again when a store answers badly, for how long, and what people are told when it stays bad.

The libraries below (botocore, gcsfs, the Azure SDK, aiohttp) raise trees of their own, and none of them need be
installed: errors are told apart by their HTTP status, their code and the names of their classes.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pairloom.operators.errors import PairloomError, RecipeError, StorageError

__all__ = ["LIBRARIES", "http_status", "is_transient", "persist", "scrub", "told_by_store"]

T = TypeVar("T")

# Pauses are drawn from [0, min(LONGEST, FIRST * 2**k)], "full jitter": ten attempts wait 22 s on average, 45 at most.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 20.0

_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_CODES = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",  # two conditional writes at once: the later one has to look again
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "OperationTimedOut",
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "ServerBusy",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "XAmzContentSHA256Mismatch",
    }
)
_CLASSES = frozenset(
    {
        "aiohttp.ClientConnectionError",
        "aiohttp.ClientPayloadError",
        "aiohttp.ServerTimeoutError",
        "azure.IncompleteReadError",
        "azure.ServiceRequestError",
        "azure.ServiceResponseError",
        "botocore.ConnectionError",
        "botocore.HTTPClientError",
        "botocore.IncompleteReadError",
        "botocore.ResponseParserError",
        "builtins.ConnectionError",
        "builtins.TimeoutError",
        "fsspec.FSTimeoutError",
        "gcsfs.ChecksumError",
        "google.TransportError",
        "http.IncompleteRead",
        "requests.ConnectionError",
        "requests.Timeout",
        "socket.gaierror",
    }
)
LIBRARIES = frozenset(
    {
        "adlfs",
        "aiobotocore",
        "aiohttp",
        "azure",
        "botocore",
        "gcsfs",
        "google",
        "httpx",
        "huggingface_hub",
        "requests",
        "s3fs",
    }
)
_REFUSALS = frozenset({"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"})
_SECRET = re.compile(
    r"(?i)([?&;](?:sig|x-amz-[a-z-]+|x-goog-[a-z-]+|upload_id|access_token|awsaccesskeyid|signature)=)[^&;\s'\"<>]+"
)
_USER_INFO = re.compile(r"(://)[^/@\s'\"]*:[^/@\s'\"]*@")


def persist(what: str, request: Callable[[], T], attempts: int) -> T:
    """Ask until there is an answer: `request()`, again after each transient failure, `attempts` times in all.

    FileNotFoundError and FileExistsError are answers and pass. Raises RecipeError when the store refuses to serve this
    user, StorageError when it cannot, both naming `what` and the cause.
    """
    for pause in (*_pauses(attempts - 1), None):
        try:
            return request()
        except (FileNotFoundError, FileExistsError, PairloomError):
            raise
        except Exception as error:
            if is_transient(error):
                if pause is None:
                    raise StorageError(
                        f"{what} failed {attempts} times; the last time: {_text(error)}"
                    ) from error
            elif (known := told_by_store(what, error)) is not None:
                raise known from error
            else:
                raise
        time.sleep(pause)
    raise AssertionError(f"{attempts} attempts")


def told_by_store(what: str, error: BaseException) -> PairloomError | None:
    """What people are told of an error that a store, or the way there, has made; None of any other error."""
    if _refused(error):
        return RecipeError(
            f"{what} was refused: {_text(error)}. Check the credentials of this machine and what they may do "
            "(on S3 also s3:ListBucket, without which an object that is absent is refused)"
        )
    if isinstance(error, OSError) or _root(type(error)) in LIBRARIES:
        return StorageError(f"{what} failed: {_text(error)}")
    return None


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed later: time-outs, lost connections, 408, 429, 5xx, throttling."""
    for cause in _chain(error):
        code = _code(cause)
        if code in _CODES:
            return True
        status = http_status(cause)
        if status is not None:
            return status in _STATUSES
        if not _CLASSES.isdisjoint(f"{_root(kind)}.{kind.__name__}" for kind in type(cause).__mro__):
            return True
    return False


def http_status(error: BaseException) -> int | None:
    """The HTTP status that an error of any of the libraries carries, or None."""
    response = getattr(error, "response", None)
    found: Any = None
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    elif response is not None:  # of requests and httpx
        found = getattr(response, "status_code", None)
    for name in ("status_code", "status", "code"):
        found = getattr(error, name, None) if found is None else found
    if type(error).__name__ == "ProxyError" and found is None:
        return 502  # what gcsfs makes of it
    return int(found) if isinstance(found, int | str) and str(found).isdecimal() else None


def scrub(text: str) -> str:
    """A message without what would let a reader in: user-info of URLs, signatures, upload sessions.

    >>> scrub("GET https://a:b@host/x?sig=abc&n=1")
    'GET https://***@host/x?sig=***&n=1'
    """
    return _USER_INFO.sub(r"\1***@", _SECRET.sub(r"\1***", text))


def _pauses(count: int) -> Iterator[float]:
    for k in range(count):
        yield random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**k))  # noqa: S311  (no secret)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was made of, outermost first."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__


def _code(error: BaseException) -> str | None:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code"))
    code = getattr(error, "error_code", None)
    return None if code is None else str(getattr(code, "value", code))


def _refused(error: BaseException) -> bool:
    return any(
        isinstance(cause, PermissionError)
        or http_status(cause) in {401, 403}
        or type(cause).__name__ in _REFUSALS
        or str(cause).startswith("Forbidden:")  # gcsfs
        for cause in _chain(error)
    )


def _root(kind: type) -> str:
    return kind.__module__.split(".", 1)[0]


def _text(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return scrub(f"{type(error).__name__}: {said}" if said else type(error).__name__)
