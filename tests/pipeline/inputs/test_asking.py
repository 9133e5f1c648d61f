"""File systems elsewhere: one line with the true cause."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.pipeline.inputs.asking import asking, true_cause
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.recipe import CorpusSource


class NoCredentialsError(Exception):
    """As cloud libraries raise it: no error of the operating system."""


def test_no_credentials_is_a_matter_of_the_recipe() -> None:
    """F10: one line, and exit code 2."""
    with (
        pytest.raises(
            RecipeError, match=r"^s3://b/x: no access: NoCredentialsError: Unable to locate credentials; give"
        ),
        asking("s3://b/x"),
    ):
        raise NoCredentialsError("Unable to locate credentials")


def test_a_missing_file_hides_nothing() -> None:
    """F10: a library that says that there is no file where nobody has answered."""
    hiding = FileNotFoundError("http://x")
    hiding.__cause__ = ConnectionRefusedError("refused")
    with pytest.raises(RecipeError, match="nobody answers there: ConnectionRefusedError"), asking("http://x"):
        raise hiding
    with pytest.raises(FileNotFoundError), asking("http://x"):
        raise FileNotFoundError("http://x")
    assert str(true_cause(ValueError("a"))) == "a"


@pytest.fixture
def address() -> Iterator[str]:
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815  (as the server calls it)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_who_answers_and_who_does_not(address: str) -> None:
    """F10: a file that a server does not have, and a server that is not there."""
    pytest.importorskip("aiohttp")
    with pytest.raises(RecipeError, match="there is no such file"):
        list_inputs(CorpusSource(name="s", paths=(f"{address}/x.jsonl",)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PairloomError, match="nobody answers there"):
        list_inputs(CorpusSource(name="s", paths=(f"http://127.0.0.1:{port}/x.jsonl",)))
