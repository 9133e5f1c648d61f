"""Stand-ins for Google Cloud Storage and Azure Blob Storage: just the requests that a root needs, on loopback.

They show that the right conditional requests are sent and that the answers are understood, as the services' references
describe them; they are no proof that the services behave so.
"""

import base64
import hashlib
import http.server
import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

SEEN: list[tuple[str, str, dict[str, str]]] = []  # requests: method, path, headers
CONDITIONS = True  # whether the stand-ins honour them
Stored = tuple[bytes, dict[str, str]]  # an object's bytes and metadata


class _Handler(http.server.BaseHTTPRequestHandler):
    """What both have in common: objects in a dictionary, one request at a time."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, Stored]
    pending: dict[str, dict[str, bytes]]
    lock: threading.Lock

    def log_message(self, *args: Any) -> None:
        pass

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        SEEN.append((self.command, self.path, dict(self.headers)))
        with self.lock:
            self.serve(url.path)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def serve(self, path: str) -> None:
        raise NotImplementedError

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def content(self, data: bytes, **headers: str) -> None:
        """All of an object, or the range that is asked for."""
        asked = re.fullmatch(
            r"bytes=(\d+)-(\d*)", self.headers.get("x-ms-range") or self.headers.get("Range") or ""
        )
        if not asked:
            return self.answer(200, data, **headers)
        start, stop = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1) + 1
        if start >= len(data):
            return self.answer(416, x_ms_error_code="InvalidRange")
        where = f"bytes {start}-{stop - 1}/{len(data)}"
        return self.answer(206, data[start:stop], Content_Range=where, **headers)


class Gcs(_Handler):
    """The JSON API: `ifGenerationMatch=0` answers 412 where there is an object."""

    def serve(self, path: str) -> None:
        if path.startswith("/upload/"):
            return self.upload()
        _, _, rest = path.partition("/b/")
        bucket, _, name = rest.partition("/o")
        name = unquote(name.removeprefix("/"))
        if not name:
            return self.list_objects(bucket)
        if name not in self.objects:
            return self.answer(404, b'{"error": {"code": 404, "message": "No such object"}}')
        data, metadata = self.objects[name]
        if self.command == "DELETE":
            del self.objects[name]
            return self.answer(204)
        if self.query.get("alt") == "media" or path.startswith("/download/"):
            return self.content(data)
        return self.answer(200, json.dumps(resource(bucket, name, data, metadata)).encode())

    def list_objects(self, bucket: str) -> None:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        items, folders = [], set()
        for name in sorted(name for name in self.objects if name.startswith(prefix)):
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                items.append(resource(bucket, name, *self.objects[name]))
        self.answer(200, json.dumps({"items": items, "prefixes": sorted(folders)}).encode())

    def upload(self) -> None:
        kind = self.query.get("uploadType")
        if kind == "multipart":
            boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])
            assert boundary is not None
            _, about, content, _ = self.body.split(b"--" + boundary[1].encode(), 3)
            described = json.loads(re.split(rb"\r?\n\r?\n", about, maxsplit=1)[1])
            data = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[1].removesuffix(b"\n")
            if (
                CONDITIONS
                and self.query.get("ifGenerationMatch") == "0"
                and described["name"] in self.objects
            ):
                return self.answer(412, b'{"error": {"code": 412, "message": "conditionNotMet"}}')
            self.objects[described["name"]] = (data, described.get("metadata", {}))
            return self.answer(200, json.dumps(resource("b", described["name"], data, {})).encode())
        if kind == "resumable" and "upload_id" not in self.query:
            session = uuid.uuid4().hex
            self.pending[session] = {"name": json.loads(self.body)["name"].encode(), "data": b""}
            host = self.headers["Host"]
            return self.answer(
                200, Location=f"http://{host}/upload/x?uploadType=resumable&upload_id={session}"
            )
        state = self.pending[self.query["upload_id"]]
        if self.command == "DELETE":
            del self.pending[self.query["upload_id"]]
            return self.answer(499)
        asked = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", self.headers["Content-Range"])
        assert asked is not None
        state["data"] = state["data"][: int(asked[1])] + self.body
        if asked[3] == "*":
            kept = len(state["data"]) // (1 << 18) * (1 << 18)  # the service keeps multiples of 256 KiB
            kept -= (
                (1 << 18) if kept > (1 << 20) and int(asked[1]) == 0 else 0
            )  # and may keep less than it was sent
            state["data"] = state["data"][:kept]
            return self.answer(308, Range=f"bytes=0-{kept - 1}")
        assert len(state["data"]) == int(asked[3])
        name = state["name"].decode()
        self.objects[name] = (state["data"], {})
        del self.pending[self.query["upload_id"]]
        return self.answer(200, json.dumps(resource("b", name, state["data"], {})).encode())


def resource(bucket: str, name: str, data: bytes, metadata: dict[str, str]) -> dict[str, Any]:
    """How the JSON API describes an object."""
    return {
        "kind": "storage#object",
        "bucket": bucket,
        "name": name,
        "size": str(len(data)),
        "generation": "1",
        "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
        "metadata": metadata,
        "updated": "2026-01-01T00:00:00.000Z",
        "timeCreated": "2026-01-01T00:00:00.000Z",
    }


class Azure(_Handler):
    """Block blobs: `If-None-Match: *` answers 409 BlobAlreadyExists where there is a blob."""

    def serve(self, path: str) -> None:
        _, _account, _container, *rest = path.split("/", 3)
        name = unquote(rest[0]) if rest else ""
        if self.query.get("comp") == "list":
            return self.list_blobs()
        if not name:
            return self.answer(200, **STAMP)
        if self.command == "PUT":
            return self.put(name)
        if name not in self.objects:
            return self.answer(404, x_ms_error_code="BlobNotFound")
        data, metadata = self.objects[name]
        if self.command == "DELETE":
            del self.objects[name]
            return self.answer(202)
        described = {f"x_ms_meta_{key}": value for key, value in metadata.items()}
        described |= {"x_ms_blob_type": "BlockBlob", **STAMP}
        if self.command == "HEAD":
            return self.answer(200, Content_Length=str(len(data)), **described)
        return self.content(data, **described)

    def put(self, name: str) -> None:
        if self.query.get("comp") == "block":
            self.pending.setdefault(name, {})[self.query["blockid"]] = self.body
            return self.answer(201)
        if CONDITIONS and self.headers.get("If-None-Match") == "*" and name in self.objects:
            return self.answer(409, x_ms_error_code="BlobAlreadyExists")
        data = self.body
        if self.query.get("comp") == "blocklist":
            blocks = self.pending.pop(name)
            data = b"".join(blocks[found] for found in re.findall(r"<Latest>(.*?)</Latest>", data.decode()))
        metadata = {k[10:]: v for k, v in self.headers.items() if k.lower().startswith("x-ms-meta-")}
        self.objects[name] = (data, metadata)
        return self.answer(201, **STAMP)

    def list_blobs(self) -> None:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        out, folders = "", set()
        for name in sorted(name for name in self.objects if name.startswith(prefix)):
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
                continue
            size = len(self.objects[name][0])
            out += (
                f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{STAMP['Last_Modified']}</Last-Modified>"
                f"<Etag>0x1</Etag><Content-Length>{size}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
            )
        out += "".join(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>" for name in sorted(folders))
        text = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>{out}</Blobs><NextMarker/></EnumerationResults>'
        self.answer(200, text.encode(), Content_Type="application/xml")


STAMP = {"Last_Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": '"0x1"'}


@contextmanager
def stand_in(kind: type[_Handler]) -> Iterator[str]:
    """A server of a kind; its URL."""
    fresh = type(kind.__name__, (kind,), {"objects": {}, "pending": {}, "lock": threading.Lock()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), fresh)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
