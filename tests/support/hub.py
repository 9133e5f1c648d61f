"""A Hub on the loopback: repositories with commits and branches, over the endpoints that its library asks, and in bad moods.

GET  /api/datasets/ORG/NAME/revision/REV           which commit a revision is
GET  /api/datasets/ORG/NAME/tree/COMMIT/FOLDER     what is in a folder, page by page (`Link`)
GET  /datasets/ORG/NAME/resolve/COMMIT/PATH        bytes by ranges, for large files by way of another server
POST /api/repos/create, .../preupload/REV, .git/info/lfs/objects/batch, .../commit/REV, PUT /large/SHA256
"""

import base64
import hashlib
import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import huggingface_hub.constants
import pytest

from tests.support.loopback import listening

LARGE = 200  # bytes from which a file is kept outside of git
PAGE = 3  # entries of a listing


@dataclass
class Repo:
    """A repository: its commits, each with the content of all its files, and which of them a branch is at."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    private: bool = False

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Commit these files, and no others, to a branch."""
        said = repr((len(self.commits), sorted(files)))
        name = hashlib.sha1(said.encode()).hexdigest()
        self.commits[name] = dict(files)
        self.branches[branch] = name
        return name

    def at(self, revision: str) -> str | None:
        name = self.branches.get(revision, revision)
        return name if name in self.commits else None


@dataclass
class Hub:
    """Repositories by "datasets/org/name" or "org/name"; `asked` are the requests so far, as "GET /path"."""

    url: str = ""
    elsewhere: str = ""
    token: str = "hf_" + "s" * 30
    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    tokens_elsewhere: list[str] = field(default_factory=list)
    mood: Callable[[str, str], tuple[int, dict[str, str]] | None] = lambda _method, _path: None

    def repo(self, name: str, files: dict[str, bytes] | None = None) -> Repo:
        """A repository, made where there is none, with a first commit."""
        if name not in self.repos:
            self.repos[name] = Repo()
            self.repos[name].commit(files or {})
        return self.repos[name]

    def moody(self, part: str, status: int, times: int, **headers: str) -> None:
        """From here on, the next requests whose path has this part get this status."""
        left, lock = [times], threading.Lock()

        def mood(_method: str, path: str) -> tuple[int, dict[str, str]] | None:
            with lock:
                if part not in path or left[0] == 0:
                    return None
                left[0] -= 1
                return status, {name.replace("_", "-"): value for name, value in headers.items()}

        self.mood = mood

    def count(self, part: str) -> int:
        """How many requests had this part in their path."""
        return sum(part in one for one in self.asked)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub of this test's own, which the environment leads to, without a token."""
    from pairloom.pipeline.hub import patience

    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)
        yield hub


@contextmanager
def serving() -> Iterator[Hub]:
    """A Hub, and another server for its large files."""
    hub = Hub()
    with _server(hub, elsewhere=False) as url, _server(hub, elsewhere=True) as elsewhere:
        hub.url, hub.elsewhere = url, elsewhere
        yield hub


@contextmanager
def _server(hub: Hub, *, elsewhere: bool) -> Iterator[str]:
    class Handler(_Handler):
        pass

    Handler.hub, Handler.elsewhere = hub, elsewhere

    with listening(Handler) as url:
        yield url


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    elsewhere: bool

    def log_message(self, *args: Any) -> None:
        pass

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        url = urllib.parse.urlsplit(self.path)
        self.path_only, self.query = urllib.parse.unquote(url.path), urllib.parse.parse_qs(url.query)
        self.hub.asked.append(f"{self.command} {self.path_only}")
        mood = self.hub.mood(self.command, self.path_only)
        if mood is not None:
            return self.answer(mood[0], b"no", mood[1])
        if self.elsewhere:
            if self.headers.get("Authorization"):
                self.hub.tokens_elsewhere.append(self.path_only)
            return self.large(body)
        if self.path_only == "/api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        if self.path_only == "/api/repos/create":
            return self.create(json.loads(body))
        parts = self.path_only.removeprefix("/api").removeprefix("/models").strip("/").split("/")
        size = 3 if parts[0] == "datasets" else 2
        return self.about(
            "/".join(parts[:size]).removesuffix(".git"), parts[size:] or ["revision", "main"], body
        )

    def about(self, name: str, rest: list[str], body: bytes) -> None:
        """What is asked about a repository."""
        self.name, repo = name, self.hub.repos.get(name)
        allowed = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        if repo is None or (repo.private and not allowed):
            return self.error(404 if allowed else 401, "RepoNotFound")
        if self.command == "POST" and not allowed:
            return self.error(401, "")
        if rest[0] == "info":
            return self.batch(json.loads(body))
        commit = repo.at(rest[1])
        if commit is None:
            return self.error(404, "RevisionNotFound")
        files, path = repo.commits[commit], "/".join(rest[2:])
        said = {"id": name.removeprefix("datasets/"), "sha": commit, "siblings": [], "tags": []}
        answers: dict[str, Callable[[], None]] = {
            "revision": lambda: self.json(said),
            "tree": lambda: self.tree(files, path),
            "resolve": lambda: self.resolve(files, commit, path),
            "preupload": lambda: self.preupload(json.loads(body)),
            "commit": lambda: self.commit(repo, rest[1], body),
        }
        return answers[rest[0]]()

    do_GET = do_POST = do_PUT = do_HEAD = serve  # noqa: N815

    def tree(self, files: dict[str, bytes], folder: str) -> None:
        deep = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        head = f"{folder}/" if folder else ""
        inside = sorted(path for path in files if path.startswith(head))
        if folder and not inside:
            return self.error(404, "EntryNotFound")
        folders = {
            head + "/".join(path[len(head) :].split("/")[: k + 1])
            for path in inside
            for k in range(path[len(head) :].count("/"))
        }
        entries: list[dict[str, Any]] = [
            {"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)
        ]
        entries += [_entry(path, files[path]) for path in inside]
        if not deep:
            entries = [one for one in entries if "/" not in one["path"][len(head) :]]
        at = int(self.query.get("cursor", ["0"])[0])
        headers = {}
        if at + PAGE < len(entries):
            following = urllib.parse.urlencode({"recursive": str(deep), "cursor": at + PAGE})
            headers["Link"] = f'<{self.hub.url}{urllib.parse.quote(self.path_only)}?{following}>; rel="next"'
        return self.json(entries[at : at + PAGE], headers)

    def resolve(self, files: dict[str, bytes], commit: str, path: str) -> None:
        if path not in files:
            return self.error(404, "EntryNotFound")
        data = files[path]
        if len(data) >= LARGE:
            name = hashlib.sha256(data).hexdigest()
            self.hub.large[name] = data
            return self.answer(
                302, b"", {"Location": f"{self.hub.elsewhere}/large/{name}", "X-Repo-Commit": commit}
            )
        return self.ranged(data)

    def large(self, body: bytes) -> None:
        name = self.path_only.rpartition("/")[2]
        if self.command == "PUT":
            if hashlib.sha256(body).hexdigest() != name:
                return self.answer(400, b"another sum", {})
            self.hub.large[name] = body
            return self.answer(200, b"", {})
        return self.ranged(self.hub.large[name])

    def ranged(self, data: bytes) -> None:
        asked = self.headers.get("Range", "")
        if not asked:
            return self.answer(200, data, {})
        self.hub.ranges.append(asked)
        start, _, stop = asked.removeprefix("bytes=").partition("-")
        last = min(int(stop), len(data) - 1)
        headers = {"Content-Range": f"bytes {start}-{last}/{len(data)}"}
        return self.answer(206, data[int(start) : last + 1], headers)

    def create(self, asked: dict[str, Any]) -> None:
        kind = asked.get("type", "model")
        owner = asked.get("organization") or "me"
        name = ("datasets/" if kind == "dataset" else "") + f"{owner}/{asked['name']}"
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.error(401, "")
        if name in self.hub.repos:
            return self.json({"url": f"{self.hub.url}/{name}"}, status=409)
        self.hub.repo(name, {".gitattributes": b"*.parquet filter=lfs\n"}).private = bool(
            asked.get("private") or asked.get("visibility") == "private"
        )
        return self.json({"url": f"{self.hub.url}/{name}", "id": name.removeprefix("datasets/")})

    def preupload(self, asked: dict[str, Any]) -> None:
        files = [
            {
                "path": one["path"],
                "uploadMode": "lfs"
                if one["size"] >= LARGE and not one["path"].endswith((".md", ".json"))
                else "regular",
                "shouldIgnore": False,
            }
            for one in asked["files"]
        ]
        return self.json({"files": files})

    def batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for one in asked["objects"]:
            made: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub.large:
                made["actions"] = {"upload": {"href": f"{self.hub.elsewhere}/large/{one['oid']}"}}
            objects.append(made)
        return self.json({"transfer": "basic", "objects": objects})

    def commit(self, repo: Repo, branch: str, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        files = dict(repo.commits[repo.branches[branch]])
        for line in lines:
            value = line["value"]
            if (
                line["key"] == "header"
                and value.get("parentCommit", repo.branches[branch]) != repo.branches[branch]
            ):
                return self.answer(
                    412, b'{"error": "A commit has happened since."}', {"X-Error-Message": "moved"}
                )
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            if line["key"] == "deletedFile":
                del files[value["path"]]
        name = repo.commit(files, branch)
        return self.json(
            {"commitUrl": f"{self.hub.url}/{self.name}/commit/{name}", "commitOid": name, "success": True}
        )

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def json(self, said: Any, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.answer(status, json.dumps(said).encode(), {"Content-Type": "application/json"} | (headers or {}))

    def error(self, status: int, code: str) -> None:
        self.answer(status, b'{"error": "no"}', {"X-Error-Code": code, "Content-Type": "application/json"})

    def answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _entry(path: str, data: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path, "oid": blob, "size": len(data)}
    if len(data) >= LARGE:
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return entry
