"""Lines between a driver and its members: whole messages, known callers, ends that are noticed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from pairloom.pipeline.execution.ray import wire as lines
from pairloom.pipeline.execution.ray.wire import Connection, Listener


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    """The driver's end and the member's."""
    listener = Listener("127.0.0.1")
    taken: list[Connection] = []
    member = threading.Thread(target=lambda: taken.append(listener.take()))
    member.start()
    with closing(Connection.call(listener.address)) as driver:
        driver.taken(listener.address)
        member.join()
        with closing(taken[0]):
            yield driver, taken[0]


def test_messages_arrive_whole_and_in_turn(ends: tuple[Connection, Connection]) -> None:
    driver, member = ends
    for message in (b"", b"a", bytes(range(256)) * 40_000, b"b" * 7):
        echo = threading.Thread(target=lambda: member.send(bytes(member.receive())[::-1]))
        echo.start()
        driver.send(message)
        assert driver.receive() == message[::-1]
        echo.join()


def test_an_end_that_is_closed_is_noticed(ends: tuple[Connection, Connection]) -> None:
    driver, member = ends
    member._socket.sendall((100).to_bytes(8, "little") + b"half")
    member.close()
    with pytest.raises(EOFError):
        driver.receive()


def test_strangers_are_not_taken() -> None:
    listener = Listener("127.0.0.1")
    taken: list[Connection] = []
    member = threading.Thread(target=lambda: taken.append(listener.take()))
    member.start()
    place = (listener.address.host, listener.address.port)
    with socket.create_connection(place) as silent:
        silent.sendall(b"a" * 5)
    with (
        closing(Connection.call(replace(listener.address, call=bytes(32)))) as stranger,
        pytest.raises((EOFError, ConnectionError)),
    ):
        stranger.taken(listener.address)
    with closing(Connection.call(listener.address)) as driver:
        driver.taken(listener.address)
        member.join()
        taken[0].close()


def test_a_call_that_is_taken_by_somebody_else_is_refused() -> None:
    listener = Listener("127.0.0.1")
    taken: list[Connection] = []
    member = threading.Thread(target=lambda: taken.append(listener.take()))
    member.start()
    with closing(Connection.call(listener.address)) as driver:
        with pytest.raises(ConnectionError, match="somebody else"):
            driver.taken(replace(listener.address, reply=bytes(32)))
        member.join()
        taken[0].close()


def test_who_is_not_called_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PATIENCE", 0.05)
    with pytest.raises(OSError, match="timed out"):
        Listener("127.0.0.1").take()
