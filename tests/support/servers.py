"""Stores on loopback that tests start themselves: S3 by moto, and a proxy in front of it that behaves badly."""

import http.client
import http.server
import random
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pytest

from pairloom.pipeline.store.remote import faults as remote_faults
from pairloom.pipeline.store.remote import s3 as remote_s3
from pairloom.pipeline.store.remote.objects import forget_connections

SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
BROKEN = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>"


@contextmanager
def s3_server(host: str = "127.0.0.1") -> Iterator[str]:
    """moto's S3; its URL. One request that writes at a time: moto's own check and write are not atomic."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        def log(self, *args: Any) -> None:
            pass

    app = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def serial(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return app(environ, start)
        with lock:
            return app(environ, start)

    server = make_server(host, 0, serial, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def s3_client(url: str) -> Any:
    """A client of boto3's: what the tests look with, independently of what they test."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


# What the proxy does to a request. `lost` ones happen, but nobody is told.
FAULTS = (
    "reset_before",
    "reset_after",
    "error_500",
    "slow_down_503",
    "lost_500",
    "time_out_after",
    "truncated",
    "duplicated",
)


@dataclass
class Proxy:
    """A proxy that injects `choose(method, path)`, a fault or None, into each request. `seen` counts what it did."""

    backend: str
    forget_header: str | None = None  # a header of requests that the store never gets to see
    hang: float = 0.8  # seconds for which a request that is to time out is left without an answer
    choose: Callable[[str, str], str | None] = lambda _method, _path: None
    seen: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def at_random(self, share: float, seed: int = 0, faults: tuple[str, ...] = FAULTS) -> None:
        """From here on, a share of the requests meets a fault, as drawn from a seed."""
        rng, lock = random.Random(seed), threading.Lock()

        def choose(_method: str, _path: str) -> str | None:
            with lock:
                return rng.choice(faults) if rng.random() < share else None

        self.choose = choose

    def once(self, method: str, fault: str, times: int = 1) -> None:
        """From here on, the next requests of a method meet a fault."""
        left, lock = [times], threading.Lock()

        def choose(seen: str, _path: str) -> str | None:
            with lock:
                if seen != method or left[0] == 0:
                    return None
                left[0] -= 1
                return fault

        self.choose = choose

    def well(self) -> None:
        """From here on, no faults; what was seen is forgotten."""
        self.choose = lambda _method, _path: None
        self.forget_header = None
        self.seen.clear()
        self.requests.clear()


@contextmanager
def proxy_to(backend: str) -> Iterator[Proxy]:
    """A faulty proxy in front of a server."""
    proxy = Proxy(backend=backend)
    address = backend.removeprefix("http://")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = proxy.choose(self.command, self.path)
            proxy.requests.append((self.command, self.path, dict(self.headers)))
            if fault is not None:
                proxy.seen[fault] = proxy.seen.get(fault, 0) + 1
            if fault == "reset_before":
                return self.reset()
            if fault == "error_500":
                return self.answer(500, {}, BROKEN)
            if fault == "denied_403":
                return self.answer(403, {}, DENIED)
            if fault == "slow_down_503":
                return self.answer(503, {}, SLOW_DOWN)
            if fault == "duplicated":
                self.forward(body)
            status, headers, data = self.forward(body)
            if fault == "reset_after":
                return self.reset()
            if fault == "lost_500":
                return self.answer(500, {}, BROKEN)
            if fault == "time_out_after":
                time.sleep(proxy.hang)
                return self.reset()
            if fault == "truncated" and self.command == "GET" and len(data) > 1:
                self.answer(status, headers, data, sent=len(data) // 2)
                return self.reset()
            return self.answer(status, headers, data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(address, timeout=30)
            try:
                headers = {
                    k: v for k, v in self.headers.items() if k.lower() not in {"expect", proxy.forget_header}
                }
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            finally:
                connection.close()

        def answer(self, status: int, headers: dict[str, str], data: bytes, sent: int | None = None) -> None:
            self.send_response_only(status)
            length = str(len(data))
            for name, value in headers.items():
                if name.lower() == "content-length":
                    length = value  # of a HEAD, what a GET would bring
                elif name.lower() not in {"connection", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[:sent])
                self.wfile.flush()

        def reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that hang up are what this is for

    server = Server(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class S3:
    """A bucket on a server, and the proxy that everybody but the tests' own client goes through."""

    url: str
    bucket: str
    proxy: Proxy

    @property
    def environment(self) -> dict[str, str]:
        """The way there and the credentials."""
        return {
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_ACCESS_KEY_ID": "AKIDTEST",
            "AWS_SECRET_ACCESS_KEY": "SECRETTEST",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def uploads(self, root: str) -> list[Any]:
        """Uploads below a root that nobody has completed or aborted."""
        prefix = root.removeprefix(f"s3://{self.bucket}/")
        found = s3_client(self.url).list_multipart_uploads(Bucket=self.bucket, Prefix=prefix)
        return list(found.get("Uploads", []))


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    with (
        s3_server() as url,
        proxy_to(url) as proxy,
        pytest.MonkeyPatch.context() as patch,
        fresh_connections(),
    ):
        patch.setattr(remote_s3, "READ_SECONDS", 0.5)
        s3_client(url).create_bucket(Bucket="corpora")
        yield S3(url=url, bucket="corpora", proxy=proxy)


@pytest.fixture
def s3_root(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A root of its own in the bucket; the way there and the credentials are in the environment."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote_faults, "FIRST_PAUSE", 0.001)
    s3.proxy.well()
    yield f"s3://{s3.bucket}/{uuid.uuid4().hex}"
    s3.proxy.well()


@pytest.fixture
def faulty(s3: S3, s3_root: str) -> Proxy:
    """The proxy on the way to `s3_root`: it behaves until it is told otherwise."""
    return s3.proxy


@contextmanager
def fresh_connections() -> Iterator[None]:
    """Connections are made from this environment, and none outlives it."""
    _forget()
    try:
        yield
    finally:
        _forget()


def _forget() -> None:
    forget_connections()
    fsspec.AbstractFileSystem.clear_instance_cache()
    for name in ("s3", "gs", "abfs"):
        if name in fsspec.registry:
            fsspec.registry[name].clear_instance_cache()


@pytest.fixture
def gcs_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A root on a stand-in for Google Cloud Storage; skipped where gcsfs is not installed."""
    pytest.importorskip("gcsfs")
    from tests.support.stand_ins import Gcs, stand_in

    monkeypatch.setattr(remote_faults, "FIRST_PAUSE", 0.001)
    with stand_in(Gcs) as url, fresh_connections():
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon", "endpoint_url": url, "project": "p"})
        yield "gs://bucket/root"


@pytest.fixture
def azure_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A root on a stand-in for Azure Blob Storage; skipped where adlfs is not installed."""
    pytest.importorskip("adlfs")
    from tests.support.stand_ins import Azure, stand_in

    monkeypatch.setattr(remote_faults, "FIRST_PAUSE", 0.001)
    with stand_in(Azure) as url, fresh_connections():
        connection = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint={url}/a;"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
        yield "az://container/root"
