"""Members of a crew as Ray actors.

Ray restarts nothing by itself here: an actor that died is made anew by the driver, which knows the budgets (`retries`) and
what a new member must be told. A message is pickled once for all members. Members declare a processor and their memory;
one that has found no machine with both for `patience` seconds, because a machine is gone, goes wherever there is one.

A member that has started is spoken to over a connection of its own (`lines`), and what becomes of it Ray tells, through the
call in which it serves that connection: that call ends with what the member raised, or with the death of its process or
machine. Where no connection comes about, because ports are closed between machines or Ray was told to encrypt what it
sends, each message is a call.
"""

import os
import pickle
import selectors
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import ray

from pairloom.operators.errors import PairloomError, StorageError
from pairloom.pipeline.execution.base import Member, Post, never
from pairloom.pipeline.execution.ray.wire import PATIENCE, Address, Line, Listener
from pairloom.pipeline.execution.retries import RETRIES, Retries
from pairloom.pipeline.execution.workers import asked_to_stop, led

__all__ = ["RayCrew"]

POLL_SECONDS = 0.5  # between two looks at whether the run was asked to stop
INLINE = 64 << 10  # a larger message in a call goes through the object store, once a machine


class RayCrew:
    """Members on the cluster that this process is connected to; none of them takes more memory than `room` bytes."""

    def __init__(
        self,
        posts: Sequence[Post],
        *,
        room: int | None,
        retries: Retries = RETRIES,
        stop: Callable[[], bool] = never,
        patience: float = 60.0,
    ) -> None:
        self._retries, self._stop, self._patience, self._room = retries, stop, patience, room
        self._seats = [_Seat(post) for post in posts]
        self._reachable = os.environ.get("RAY_USE_TLS", "0") in {"", "0"}

    def ask(self, message: Any, anew: Callable[[], Sequence[Any]]) -> list[Any]:
        """Ask all members at once."""
        replies: list[Any] = [None] * len(self._seats)
        packed = pickle.dumps([message], protocol=5)
        self._open_lines()
        starting = [number for number, seat in enumerate(self._seats) if not seat.ready]
        speaking = [number for number, seat in enumerate(self._seats) if seat.ready and seat.line is not None]
        called = [number for number, seat in enumerate(self._seats) if seat.ready and seat.line is None]
        pending: dict[Any, int] = {}
        if called:
            argument = _argument(packed)
            pending = {self._seats[number].actor.answer.remote(argument, False): number for number in called}
        with selectors.DefaultSelector() as lines:
            for number in speaking:
                self._say(number, packed, lines, pending)
            instead = None
            try:
                while pending or starting or lines.get_map():
                    if starting:
                        self._place(starting)
                        instead = instead or _argument(pickle.dumps(list(anew()), protocol=5))
                        for number in starting:
                            pending[self._seats[number].actor.answer.remote(instead, True)] = number
                        starting = []
                    if self._stop():
                        raise asked_to_stop()
                    self._hear(replies, lines, pending)
                    starting += self._settle(replies, pending, 0 if lines.get_map() else POLL_SECONDS)
            finally:
                for key in lines.get_map().values():  # what they say is not waited for
                    self._seats[key.data].hang_up()
        return replies

    def close(self) -> None:
        """End all actors."""
        for seat in self._seats:
            self._dismiss(seat)

    def _open_lines(self) -> None:
        """Call the members that have started and are not connected; where one cannot be reached, none is called again."""
        new = [seat for seat in self._seats if seat.ready and seat.line is None]
        if not new or not self._reachable:
            return
        asked = [seat.actor.listen.remote() for seat in new]
        for seat, handle in zip(new, asked, strict=True):
            try:
                address = ray.get(handle, timeout=PATIENCE)
                line = Line.call(address)
            except ray.exceptions.RayError:
                continue  # dead: that shows when it is asked
            except OSError:
                self._reachable = False
                return
            serving = seat.actor.serve.remote()
            try:
                line.taken(address)
            except (OSError, EOFError):
                line.close()
                self._reachable = False
                return
            seat.line, seat.serving = line, serving

    def _say(
        self, number: int, packed: bytes, lines: selectors.BaseSelector, pending: dict[Any, int]
    ) -> None:
        """Send a member a message and wait for the answer in `lines`; if it is gone, for what became of it in `pending`."""
        seat = self._seats[number]
        assert seat.line is not None
        try:
            seat.line.send(packed)
        except OSError:
            pending[seat.hang_up()] = number
        else:
            lines.register(seat.line, selectors.EVENT_READ, number)

    def _hear(self, replies: list[Any], lines: selectors.BaseSelector, pending: dict[Any, int]) -> None:
        """Take what members say within `POLL_SECONDS`; of one that is gone, ask Ray what became of it."""
        if not lines.get_map():
            return
        events = lines.select(POLL_SECONDS)
        for key, _ in events:
            seat = self._seats[key.data]
            assert seat.line is not None
            try:
                reply = seat.line.arrived()
            except (OSError, EOFError):
                lines.unregister(key.fileobj)
                pending[seat.hang_up()] = key.data
                continue
            if reply is not None:
                lines.unregister(key.fileobj)
                replies[key.data] = pickle.loads(reply)  # noqa: S301 (our own actor's)
                seat.well()
        if not events:  # a machine that is cut off says nothing
            silent = {self._seats[key.data].serving: key for key in lines.get_map().values()}
            ended, _ = ray.wait(list(silent), num_returns=len(silent), timeout=0)
            for handle in ended:
                lines.unregister(silent[handle].fileobj)
                number = silent[handle].data
                pending[self._seats[number].hang_up()] = number

    def _settle(self, replies: list[Any], pending: dict[Any, int], seconds: float) -> list[int]:
        """Take the calls that end within so many seconds; returns the members that must begin anew."""
        if not pending:
            return []
        failed = []
        ended, _ = ray.wait(list(pending), num_returns=len(pending), timeout=seconds)
        for handle in ended:
            number = pending.pop(handle)
            seat = self._seats[number]
            try:
                reply = ray.get(handle)
                if reply is None:  # it served a line, and the line broke
                    raise StorageError("the connection to it broke")
                replies[number] = pickle.loads(reply)  # noqa: S301 (our own actor's)
                seat.well()
            except (ray.exceptions.RayError, StorageError) as error:
                self._failed(seat, error)
                failed.append(number)
        return failed

    def _place(self, starting: list[int]) -> None:
        """Make an actor for each of these seats, and wait until all of them run."""
        seats = [self._seats[number] for number in starting]
        for declared in (True, False):
            here = {}
            for seat in seats:
                if seat.actor is None:
                    host = cast("Any", _Host).options(**self._needs(seat.post, declared))
                    seat.actor = host.remote(seat.post)
                    here[seat.actor.ping.remote()] = seat
            deadline = time.monotonic() + self._patience
            while here and (not declared or time.monotonic() < deadline):
                if self._stop():
                    raise asked_to_stop()
                ended, _ = ray.wait(list(here), num_returns=len(here), timeout=POLL_SECONDS)
                for handle in ended:
                    del here[handle]  # whether it runs or died at once shows when it is asked
            for seat in here.values():
                self._dismiss(seat)

    def _needs(self, post: Post, declared: bool) -> dict[str, Any]:
        memory = min(post.memory, self._room) if declared and self._room is not None else 0
        return {
            "num_cpus": 1 if declared else 0,
            "memory": memory or None,
            "scheduling_strategy": "SPREAD",
        }

    def _dismiss(self, seat: "_Seat") -> None:
        if seat.line is not None:
            seat.hang_up()
        if seat.actor is not None:
            ray.kill(seat.actor, no_restart=True)
            seat.actor, seat.ready = None, False

    def _failed(self, seat: "_Seat", error: Exception) -> None:
        """Decide about a failure: wait, so that the member begins anew, in another actor if need be; or raise."""
        cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
        if isinstance(cause, StorageError):
            seat.storage_failures += 1
            seat.ready = False
            if seat.storage_failures > self._retries.storage_failures:
                raise led(cause, seat.post) from None
        elif isinstance(cause, PairloomError):
            raise led(cause, seat.post) from None
        elif isinstance(
            cause,
            (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError)
            + (ray.exceptions.OutOfMemoryError, ray.exceptions.ObjectLostError),
        ):
            seat.deaths += 1
            self._dismiss(seat)
            if seat.deaths > self._retries.worker_deaths:
                raise StorageError(
                    f"{seat.post.label} lost its worker {seat.deaths} times in a row (it is projected to need "
                    f"{seat.post.memory / 1e9:.1f} GB): give the machines more memory, or use more of them. {cause}"
                ) from None
        else:
            raise RuntimeError(f"{seat.post.label} failed: {cause!r}") from error
        wait = self._retries.wait(seat.post.label, seat.deaths + seat.storage_failures)
        deadline = time.monotonic() + wait
        while (left := deadline - time.monotonic()) > 0:
            if self._stop():
                raise asked_to_stop()
            time.sleep(min(left, POLL_SECONDS))


class _Seat:
    """A post, the actor that holds it, and how often each kind of failure has met it since it answered last."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.actor: Any = None
        self.ready = False  # whether its member is started and knows what was said
        self.line: Line | None = None
        self.serving: Any = None  # the call in which its member serves the line
        self.deaths = 0
        self.storage_failures = 0

    def well(self) -> None:
        """Its member has answered."""
        self.ready = True
        self.deaths = self.storage_failures = 0

    def hang_up(self) -> Any:
        """Close the line; the call that tells what became of the member."""
        assert self.line is not None
        self.line.close()
        serving, self.line, self.serving = self.serving, None, None
        return serving


def _argument(packed: bytes) -> Any:
    return packed if len(packed) <= INLINE else ray.put(packed)


@ray.remote(max_restarts=0, max_task_retries=0, num_cpus=1)
class _Host:
    """Where a member lives. It starts when it is asked, so that what fails then is raised to whoever asks."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._member: Member | None = None

    def ping(self) -> None:
        """Nothing: that it comes back says that there is a process."""

    def listen(self) -> Address:
        """Where to call it."""
        self._listener = Listener(ray.util.get_node_ip_address())
        return self._listener.address

    def serve(self) -> None:
        """Take the call and answer what is said until the line ends."""
        try:
            line = self._listener.take()
        except OSError:
            return
        try:
            while True:
                try:
                    packed = line.receive()
                except (OSError, EOFError):
                    return
                reply = self.answer(packed, False)
                try:
                    line.send(reply)
                except OSError:
                    return
        finally:
            line.close()

    def answer(self, packed: bytes | memoryview, anew: bool) -> bytes:
        """Answer every message, after starting if `anew`; the last answer."""
        if anew or self._member is None:
            self._member = None  # released before its successor is made
            self._member = self._post.start()
        reply = None
        for message in pickle.loads(packed):  # noqa: S301 (our own driver's)
            reply = self._member.answer(message)
        return pickle.dumps(reply, protocol=5)
