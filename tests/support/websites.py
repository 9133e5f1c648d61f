"""A web server on the loopback that serves one file as badly as its path says: what the world does to an address."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.loopback import listening

__all__ = ["WAYS", "website"]

WAYS = {
    "well": "ranges and all",
    "no-ranges": "answers every request with the whole file",
    "no-size": "does not say how long the file is",
    "401": "asks who it is",
    "403": "says no",
    "404": "has no such file",
    "500": "is broken",
    "503": "is overloaded",
    "401-later": "has said yes once, and says no when the file is read",
    "500-later": "was there once, and is broken when the file is read",
    "404-later": "had the file once",
    "cut": "hangs up in the middle of the body",
    "short": "says how long the body is, and sends less without hanging up rudely",
    "long": "sends more than was asked for",
    "page": "answers every address with a page of HTML",
    "loop": "sends everybody back to where they came from",
    "garbage": "does not speak HTTP",
    "silent": "takes the request and never answers",
}


@contextmanager
def website(body: bytes, hang: float = 30.0) -> Iterator[str]:
    """Its address: below it, `/WAY/any/name` is `body`, served in one of `WAYS`."""
    ended = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.serve(head=True)

        def do_GET(self) -> None:
            self.serve(head=False)

        def serve(self, *, head: bool) -> None:
            way = self.path.split("/")[1]
            later = way.endswith("-later")
            asked = self.headers.get("Range", "")
            if way == "silent":
                ended.wait(hang)
                return self.hang_up()
            if way == "garbage":
                self.wfile.write(b"220 mail.example ESMTP\r\n\r\n")
                return self.hang_up()
            if way.isdigit() or (later and not head and asked != "bytes=0-0"):
                return self.answer(int(way[:3]), b"" if head else b"no", {})
            if way == "loop":
                return self.answer(302, b"", {"Location": self.path})
            if way == "page":
                return self.answer(
                    200, b"" if head else b"<!DOCTYPE html><html><body>Sign in</body></html>", {}, 48
                )
            data, status, headers = body, 200, {}
            if way not in ("no-ranges", "no-size"):
                headers["Accept-Ranges"] = "bytes"
                if asked.startswith("bytes="):
                    start, _, stop = asked.removeprefix("bytes=").partition("-")
                    last = min(int(stop) if stop else len(body) - 1, len(body) - 1)
                    headers["Content-Range"] = f"bytes {start}-{last}/{len(body)}"
                    data, status = body[int(start) : last + 1], 206
            if way == "no-size":
                self.close_connection = True
                self.send_response(200)
                self.end_headers()
                if not head:
                    self.wfile.write(data)
                return None
            if way == "long" and not head:
                data = data + body
                headers.pop("Content-Range", None)
            return self.answer(status, b"" if head else data, headers, len(data), way)

        def answer(
            self, status: int, data: bytes, headers: dict[str, str], size: int | None = None, way: str = ""
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if way == "short" and len(data) > 1:
                data, size = data[: len(data) // 2], len(data) // 2
            self.send_header("Content-Length", str(len(data) if size is None else size))
            self.end_headers()
            if way == "cut" and len(data) > 1:
                self.wfile.write(data[: len(data) // 2])
                return self.hang_up()
            self.wfile.write(data)
            return None

        def hang_up(self) -> None:
            self.close_connection = True

    with listening(Handler) as url:
        try:
            yield url
        finally:
            ended.set()
