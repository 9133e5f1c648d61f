"""Places on the Hub, as `hf://datasets/org/name@revision/path/in/it`."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from pairloom.operators.errors import RecipeError

__all__ = ["Place", "on_hub", "place_of"]

_SCHEME = "hf://"
_KINDS = {"datasets": "dataset", "models": "model", "spaces": "space"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")
# A special revision has slashes of its own: refs/convert/parquet, refs/pr/7.
_PLACE = re.compile(
    r"(?P<owner>[^/@]+)/(?P<name>[^/@]+)(?:@(?P<revision>refs/(?:convert|pr)/[^/]+|[^/]*))?(?:/(?P<path>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A path in a repository; `kind` is dataset, model or space, `revision` a branch, tag or commit, or "" for `main`."""

    kind: str
    repo: str
    revision: str = ""
    path: str = ""

    @property
    def repository(self) -> str:
        """The URI of the repository, without a revision: what stays the same whatever is committed to it."""
        return _SCHEME + ("" if self.kind == "model" else f"{self.kind}s/") + self.repo

    @property
    def asked(self) -> str:
        """The repository and the revision that is asked for, as `hf://datasets/org/name@main`."""
        return f"{self.repository}@{self.revision or 'main'}"

    def uri(self, path: str | None = None) -> str:
        """The URI of a path in the repository, its own by default, without a revision."""
        path = self.path if path is None else path
        return f"{self.repository}/{path}" if path else self.repository


def on_hub(uri: str) -> bool:
    """Whether a URI is of a repository on the Hub."""
    return uri.startswith(_SCHEME) and not uri.startswith(f"{_SCHEME}buckets/")


def place_of(uri: str) -> Place:
    """The place that a URI names; raises RecipeError where it names none.

    >>> place_of("hf://datasets/org/name@v1/data/x.parquet")
    Place(kind='dataset', repo='org/name', revision='v1', path='data/x.parquet')
    >>> place_of("hf://org/name@refs%2Fpr%2F7").asked
    'hf://org/name@refs/pr/7'
    """
    if _TOKEN.search(uri):
        raise RecipeError(
            f"{_TOKEN.sub('hf_***', uri)} has a token in it, and inputs are named in manifests and logs: set HF_TOKEN instead"
        )
    rest = uri.removeprefix(_SCHEME)
    first, _, after = rest.partition("/")
    kind = _KINDS.get(first)
    found = _PLACE.fullmatch(rest if kind is None else after)
    names = (found["owner"], found["name"]) if found else ()
    if found is None or found["revision"] == "" or not all(_NAME.fullmatch(name) for name in names):
        raise RecipeError(
            f"{uri}: nothing can be read there: write hf://datasets/OWNER/NAME/PATH, or hf://datasets/OWNER/NAME@REVISION/PATH"
        )
    path = (found["path"] or "").strip("/")
    if {"..", "."} & set(path.split("/")):
        raise RecipeError(f"{uri}: a path on the Hub has no . and .. in it; write it out")
    return Place(
        kind=kind or "model",
        repo="/".join(names),
        revision=unquote(found["revision"] or ""),
        path=path,
    )
