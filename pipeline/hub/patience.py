"""Questions to the Hub: asked again while it is busy, and in plain words where it says no.

Its 429 and `Retry-After` say when to come back, and whoever asks waits; that is no failure, and no attempt is used up by it.
"""

import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from pairloom.operators.errors import PairloomError, RecipeError, StorageError
from pairloom.pipeline.hub.place import Place
from pairloom.pipeline.inputs.asking import told, true_cause
from pairloom.pipeline.store.remote.faults import http_status, is_transient, scrub

__all__ = ["LOOKING", "READING", "endpoint", "library", "patiently", "token"]

T = TypeVar("T")

READING, LOOKING = 8, 3
"""How often something is asked where a run waits for bytes, and where somebody waits for a plan."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0
PATIENCE = 3600.0  # seconds that one question waits, in all, because the Hub says to
_BUSY = (429, 503)
_LONGEST = 300


def library() -> Any:
    """`huggingface_hub`; raises RecipeError where it is not installed."""
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise RecipeError("hf:// needs the library of the Hub: pip install 'pairloom[hub]'") from error
    return huggingface_hub


def endpoint() -> str:
    """Where the Hub is: by fsspec's configuration, by `HF_ENDPOINT`, or as its library says."""
    said = _configured().get("endpoint") or os.environ.get("HF_ENDPOINT") or library().constants.ENDPOINT
    return str(said).rstrip("/")


def token() -> str | None:
    """The token for the Hub, if there is one: in fsspec's configuration, in the environment, or where its login has put it."""
    said = _configured().get("token") or library().get_token()
    return str(said) if said else None


def _configured() -> dict[str, Any]:
    import fsspec

    found: dict[str, Any] = fsspec.config.conf.get("hf", {})
    return found


def patiently(place: Place, request: Callable[[], T], attempts: int = READING) -> T:
    """The answer to a request about a place.

    Raises RecipeError for what the recipe, the token or the network has to be corrected for, FileNotFoundError for a path that
    is not there, StorageError where the Hub has not answered in so many attempts, or says to wait for more than `PATIENCE`.
    """
    failed, waited = 0, 0.0
    while True:
        try:
            return request()
        except PairloomError:
            raise
        except Exception as error:
            status, asked = http_status(error), _asked_pause(error)
            if status == 429 or (status in _BUSY and asked is not None):
                pause = _backoff(failed) if asked is None else asked
                waited += max(pause, 0.05)
                if waited > PATIENCE:
                    raise StorageError(
                        f"{place.uri()}: the Hub is busy and says to wait, which it has now done for {PATIENCE:,.0f} s; "
                        "run again later"
                    ) from error
            elif _transient(error) and failed + 1 < attempts:
                pause = _backoff(failed)
                failed += 1
            else:
                raise _said(place, error, attempts) from error
            time.sleep(pause)


def _backoff(failed: int) -> float:
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**failed))  # noqa: S311  (no secret)


def _asked_pause(error: BaseException) -> float | None:
    """How many seconds an answer says to wait: by `Retry-After`, as seconds or a date, or the `t` of `RateLimit`."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    said = str(headers.get("Retry-After", "")).strip()
    if said.isdecimal():
        return float(said)
    if said:
        try:
            return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return None
    for part in str(headers.get("RateLimit", "")).split(";"):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isdecimal():
            return float(value)
    return None


def _transient(error: BaseException) -> bool:
    """Whether to ask again: what any store may do, and the time-outs and lost connections of whatever `httpx` is below."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "OfflineModeIsEnabled" in kinds:
        return False
    return is_transient(error) or bool(
        kinds & {"TimeoutException", "NetworkError", "RemoteProtocolError", "ChunkedEncodingError"}
    )


def _said(place: Place, error: BaseException, attempts: int) -> Exception:
    """What people are told of an answer of the Hub, or of none."""
    kind, status, where = type(error).__name__, http_status(error), place.uri()
    first = scrub(" ".join(str(error).split()))[:_LONGEST].rstrip(" :,")
    said = f"{kind}: {first}" if first else kind
    who = "this user, who has a token" if token() else "this user, who has no token (HF_TOKEN is not set)"
    if "EntryNotFound" in kind:
        return FileNotFoundError(where)
    if kind == "RevisionNotFoundError":
        return RecipeError(
            f"{where}: {place.repository} has no revision {place.revision or 'main'!r}; correct what stands behind the @"
        )
    if kind in ("GatedRepoError", "DisabledRepoError") or status == 403:
        return RecipeError(
            f"{where}: no access: the Hub does not let in {who}: {said}; accept the terms on the page of {place.repo}, or use "
            "a token that may read it"
        )
    if kind == "RepositoryNotFoundError" or status in (401, 404):
        what = "no access" if status == 401 else "there is no such file"
        return RecipeError(
            f"{where}: {what}: the Hub shows no {place.kind} {place.repo} to {who} (status {status}); correct the name, or set "
            "HF_TOKEN to a token that may read it"
        )
    if status is not None and status >= 500:
        return StorageError(
            f"{where}: the server failed: asked {attempts} times, the last time {said}; try again later"
        )
    if status is not None and 400 <= status < 500:
        return RecipeError(f"{where}: the Hub refuses the request: {said}; correct the recipe")
    return told(where, true_cause(error))
