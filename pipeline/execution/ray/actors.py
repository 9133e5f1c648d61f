"""Stateful workers as Ray actors.

Ray restarts nothing by itself here: an actor that died is made anew by the driver, which knows the budgets (`retries`) and
what a new worker must be told. A message is pickled once for all workers. Workers declare a processor and their memory;
one that has found no machine with both for `patience` seconds, because a machine is gone, goes wherever there is one.

A worker that has started is spoken to over a connection of its own (`wire`), and what becomes of it Ray tells, through the
call in which it serves that connection: that call ends with what the worker raised, or with the death of its process or
machine. Where no connection comes about, because ports are closed between machines or Ray was told to encrypt what it
sends, each message is a call.
"""

import os
import pickle
import selectors
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import ray

from pairloom.operators.errors import StorageError
from pairloom.pipeline.execution.base import Worker, WorkerSpec, never
from pairloom.pipeline.execution.ray.failures import cause_of, died
from pairloom.pipeline.execution.ray.wire import PATIENCE, Address, Connection, Listener
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries, asked_to_stop

__all__ = ["RayWorkers"]

POLL_SECONDS = 0.5  # between two looks at whether the run was asked to stop
INLINE = 64 << 10  # a larger message in a call goes through the object store, once a machine


class RayWorkers:
    """Workers on the cluster that this process is connected to; none of them takes more memory than `room` bytes."""

    def __init__(
        self,
        specs: Sequence[WorkerSpec],
        *,
        room: int | None,
        retries: Retries = RETRIES,
        stop: Callable[[], bool] = never,
        patience: float = 60.0,
    ) -> None:
        self._stop, self._patience, self._room = stop, patience, room
        self._slots = [_Slot(spec, retries) for spec in specs]
        self._reachable = os.environ.get("RAY_USE_TLS", "0") in {"", "0"}

    def ask(self, message: Any, restart: Callable[[], Sequence[Any]]) -> list[Any]:
        """Ask all workers at once."""
        replies: list[Any] = [None] * len(self._slots)
        packed = pickle.dumps([message], protocol=5)
        self._connect()
        starting = [number for number, slot in enumerate(self._slots) if not slot.ready]
        speaking = [
            number for number, slot in enumerate(self._slots) if slot.ready and slot.connection is not None
        ]
        called = [number for number, slot in enumerate(self._slots) if slot.ready and slot.connection is None]
        pending: dict[Any, int] = {}
        if called:
            argument = _argument(packed)
            pending = {self._slots[number].actor.answer.remote(argument, False): number for number in called}
        with selectors.DefaultSelector() as open_ones:
            for number in speaking:
                self._say(number, packed, open_ones, pending)
            instead = None
            try:
                while pending or starting or open_ones.get_map():
                    if starting:
                        self._place(starting)
                        instead = instead or _argument(pickle.dumps(list(restart()), protocol=5))
                        for number in starting:
                            pending[self._slots[number].actor.answer.remote(instead, True)] = number
                        starting = []
                    if self._stop():
                        raise asked_to_stop()
                    self._hear(replies, open_ones, pending)
                    starting += self._settle(replies, pending, 0 if open_ones.get_map() else POLL_SECONDS)
            finally:
                for key in open_ones.get_map().values():  # what they say is not waited for
                    self._slots[key.data].disconnect()
        return replies

    def close(self) -> None:
        """End all actors."""
        for slot in self._slots:
            self._dismiss(slot)

    def _connect(self) -> None:
        """Call the workers that have started and are not connected; where one cannot be reached, none is called again."""
        new = [slot for slot in self._slots if slot.ready and slot.connection is None]
        if not new or not self._reachable:
            return
        asked = [slot.actor.listen.remote() for slot in new]
        for slot, handle in zip(new, asked, strict=True):
            try:
                address = ray.get(handle, timeout=PATIENCE)
                connection = Connection.call(address)
            except ray.exceptions.RayError:
                continue  # dead: that shows when it is asked
            except OSError:
                self._reachable = False
                return
            serving = slot.actor.serve.remote()
            try:
                connection.taken(address)
            except (OSError, EOFError):
                connection.close()
                self._reachable = False
                return
            slot.connection, slot.serving = connection, serving

    def _say(
        self, number: int, packed: bytes, open_ones: selectors.BaseSelector, pending: dict[Any, int]
    ) -> None:
        """Send a worker a message and wait for the answer in `open_ones`; if it is gone, for what became of it in `pending`."""
        slot = self._slots[number]
        assert slot.connection is not None
        try:
            slot.connection.send(packed)
        except OSError:
            pending[slot.disconnect()] = number
        else:
            open_ones.register(slot.connection, selectors.EVENT_READ, number)

    def _hear(self, replies: list[Any], open_ones: selectors.BaseSelector, pending: dict[Any, int]) -> None:
        """Take what workers say within `POLL_SECONDS`; of one that is gone, ask Ray what became of it."""
        if not open_ones.get_map():
            return
        events = open_ones.select(POLL_SECONDS)
        for key, _ in events:
            slot = self._slots[key.data]
            assert slot.connection is not None
            try:
                reply = slot.connection.arrived()
            except (OSError, EOFError):
                open_ones.unregister(key.fileobj)
                pending[slot.disconnect()] = key.data
                continue
            if reply is not None:
                open_ones.unregister(key.fileobj)
                replies[key.data] = pickle.loads(reply)  # noqa: S301 (our own actor's)
                slot.answered()
        if not events:  # a machine that is cut off says nothing
            silent = {self._slots[key.data].serving: key for key in open_ones.get_map().values()}
            ended, _ = ray.wait(list(silent), num_returns=len(silent), timeout=0)
            for handle in ended:
                open_ones.unregister(silent[handle].fileobj)
                number = silent[handle].data
                pending[self._slots[number].disconnect()] = number

    def _settle(self, replies: list[Any], pending: dict[Any, int], seconds: float) -> list[int]:
        """Take the calls that end within so many seconds; returns the workers that must begin anew."""
        if not pending:
            return []
        failed = []
        ended, _ = ray.wait(list(pending), num_returns=len(pending), timeout=seconds)
        for handle in ended:
            number = pending.pop(handle)
            slot = self._slots[number]
            try:
                reply = ray.get(handle)
                if reply is None:  # it served a connection, and the connection broke
                    raise StorageError("the connection to it broke")
                replies[number] = pickle.loads(reply)  # noqa: S301 (our own actor's)
                slot.answered()
            except (ray.exceptions.RayError, StorageError) as error:
                self._failed(slot, error)
                failed.append(number)
        return failed

    def _place(self, starting: list[int]) -> None:
        """Make an actor for each of these slots, and wait until all of them run."""
        slots = [self._slots[number] for number in starting]
        for declared in (True, False):
            here = {}
            for slot in slots:
                if slot.actor is None:
                    host = cast("Any", _Host).options(**self._needs(slot.spec, declared))
                    slot.actor = host.remote(slot.spec)
                    here[slot.actor.ping.remote()] = slot
            deadline = time.monotonic() + self._patience
            while here and (not declared or time.monotonic() < deadline):
                if self._stop():
                    raise asked_to_stop()
                ended, _ = ray.wait(list(here), num_returns=len(here), timeout=POLL_SECONDS)
                for handle in ended:
                    del here[handle]  # whether it runs or died at once shows when it is asked
            for slot in here.values():
                self._dismiss(slot)

    def _needs(self, spec: WorkerSpec, declared: bool) -> dict[str, Any]:
        memory = min(spec.need(), self._room) if declared and self._room is not None else 0
        return {
            "num_cpus": 1 if declared else 0,
            "memory": memory or None,
            "scheduling_strategy": "SPREAD",
        }

    def _dismiss(self, slot: "_Slot") -> None:
        if slot.connection is not None:
            slot.disconnect()
        if slot.actor is not None:
            ray.kill(slot.actor, no_restart=True)
            slot.actor, slot.ready = None, False

    def _failed(self, slot: "_Slot", error: Exception) -> None:
        """A worker has failed: wait, so that it begins anew, in another actor if need be; or raise."""
        cause = cause_of(error)
        lost: Literal["worker"] | None = "worker" if died(cause) else None
        slot.ready = False
        if lost:
            self._dismiss(slot)
        deadline = time.monotonic() + slot.tries.failed(cause, lost)
        while (left := deadline - time.monotonic()) > 0:
            if self._stop():
                raise asked_to_stop()
            time.sleep(min(left, POLL_SECONDS))


class _Slot:
    """A spec, the actor that holds its worker, and the failures that have met it since it answered last."""

    def __init__(self, spec: WorkerSpec, retries: Retries) -> None:
        self.spec = spec
        self.tries = Tries.of_worker(spec, retries)
        self.actor: Any = None
        # Whether its worker is started and knows what was said.
        self.ready = False
        self.connection: Connection | None = None
        # The call in which its worker serves the connection.
        self.serving: Any = None

    def answered(self) -> None:
        """Its worker has answered."""
        self.ready = True
        self.tries.succeeded()

    def disconnect(self) -> Any:
        """Close the connection; the call that tells what became of the worker."""
        assert self.connection is not None
        self.connection.close()
        serving, self.connection, self.serving = self.serving, None, None
        return serving


def _argument(packed: bytes) -> Any:
    return packed if len(packed) <= INLINE else ray.put(packed)


@ray.remote(max_restarts=0, max_task_retries=0, num_cpus=1)
class _Host:
    """Where a worker lives. It starts when it is asked, so that what fails then is raised to whoever asks."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._worker: Worker | None = None

    def ping(self) -> None:
        """Nothing: that it comes back says that there is a process."""

    def listen(self) -> Address:
        """Where to call it."""
        self._listener = Listener(ray.util.get_node_ip_address())
        return self._listener.address

    def serve(self) -> None:
        """Take the call and answer what is said until the connection ends."""
        try:
            connection = self._listener.take()
        except OSError:
            return
        try:
            while True:
                try:
                    packed = connection.receive()
                except (OSError, EOFError):
                    return
                reply = self.answer(packed, False)
                try:
                    connection.send(reply)
                except OSError:
                    return
        finally:
            connection.close()

    def answer(self, packed: bytes | memoryview, restart: bool) -> bytes:
        """Answer every message, after starting if `restart`; the last answer."""
        if restart or self._worker is None:
            self._worker = None  # released before its successor is made
            self._worker = self._spec.start()
        reply = None
        for message in pickle.loads(packed):  # noqa: S301 (our own driver's)
            reply = self._worker.answer(message)
        return pickle.dumps(reply, protocol=5)
