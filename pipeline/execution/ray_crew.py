"""Members of a crew as Ray actors.

Ray restarts nothing by itself here: an actor that died is made anew by the driver, which knows the budgets (`retries`) and
what a new member must be told. A message is pickled once for all members. Members declare a processor and their memory;
one that has found no machine with both for `patience` seconds, because a machine is gone, goes wherever there is one.
"""

import pickle
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import ray

from pairloom.operators.errors import PairloomError, StorageError
from pairloom.pipeline.execution.base import Member, Post, never
from pairloom.pipeline.execution.crew import asked_to_stop, led
from pairloom.pipeline.execution.retries import RETRIES, Retries

__all__ = ["RayCrew"]

POLL_SECONDS = 0.5  # between two looks at whether the run was asked to stop
INLINE = 64 << 10  # a larger message goes through the object store, once a machine


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

    def ask(self, message: Any, anew: Callable[[], Sequence[Any]]) -> list[Any]:
        """Ask all members at once."""
        replies: list[Any] = [None] * len(self._seats)
        packed = _packed([message])
        ready = [number for number, seat in enumerate(self._seats) if seat.ready]
        pending = {self._seats[number].actor.answer.remote(packed, False): number for number in ready}
        starting = [number for number, seat in enumerate(self._seats) if not seat.ready]
        instead = None
        while pending or starting:
            if starting:
                self._place(starting)
                instead = instead or _packed(anew())
                for number in starting:
                    pending[self._seats[number].actor.answer.remote(instead, True)] = number
                starting = []
            if self._stop():
                raise asked_to_stop()
            ended, _ = ray.wait(list(pending), num_returns=len(pending), timeout=POLL_SECONDS)
            for handle in ended:
                number = pending.pop(handle)
                try:
                    replies[number] = pickle.loads(ray.get(handle))  # noqa: S301 (our own actor's)
                    self._seats[number].well()
                except (ray.exceptions.RayError, StorageError) as error:
                    self._failed(self._seats[number], error)
                    starting.append(number)
        return replies

    def close(self) -> None:
        """End all actors."""
        for seat in self._seats:
            self._dismiss(seat)

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
        self.deaths = 0
        self.storage_failures = 0

    def well(self) -> None:
        """Its member has answered."""
        self.ready = True
        self.deaths = self.storage_failures = 0


def _packed(messages: Sequence[Any]) -> Any:
    data = pickle.dumps(list(messages), protocol=5)
    return data if len(data) <= INLINE else ray.put(data)


@ray.remote(max_restarts=0, max_task_retries=0, num_cpus=1)
class _Host:
    """Where a member lives. It starts when it is asked, so that what fails then is raised to whoever asks."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._member: Member | None = None

    def ping(self) -> None:
        """Nothing: that it comes back says that there is a process."""

    def answer(self, packed: bytes, anew: bool) -> bytes:
        """Answer every message, after starting if `anew`; the last answer."""
        if anew or self._member is None:
            self._member = None  # released before its successor is made
            self._member = self._post.start()
        reply = None
        for message in pickle.loads(packed):  # noqa: S301 (our own driver's)
            reply = self._member.answer(message)
        return pickle.dumps(reply, protocol=5)
