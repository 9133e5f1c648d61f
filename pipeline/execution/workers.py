"""Members of a crew in this process."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from pairloom.operators.errors import PairloomError, PreemptedError, StorageError
from pairloom.pipeline.execution.base import Member, Post, never
from pairloom.pipeline.execution.retries import RETRIES, Retries

__all__ = ["LocalCrew", "asked_to_stop", "led"]


class LocalCrew:
    """Members in this process, asked one after another."""

    def __init__(
        self, posts: Sequence[Post], *, retries: Retries = RETRIES, stop: Callable[[], bool] = never
    ) -> None:
        self._posts, self._retries, self._stop = posts, retries, stop
        self._members: list[Member | None] = [None] * len(posts)

    def ask(self, message: Any, anew: Callable[[], Sequence[Any]]) -> list[Any]:
        """Ask every member in turn."""
        return [self._ask(number, message, anew) for number in range(len(self._posts))]

    def close(self) -> None:
        """Let all members go."""
        self._members = [None] * len(self._posts)

    def _ask(self, number: int, message: Any, anew: Callable[[], Sequence[Any]]) -> Any:
        post, failures = self._posts[number], 0
        while True:
            if self._stop():
                raise asked_to_stop()
            try:
                member = self._members[number]
                if member is not None:
                    return member.answer(message)
                self._members[number] = member = post.start()
                return [member.answer(one) for one in anew()][-1]
            except StorageError as error:
                self._members[number] = None
                failures += 1
                if failures > self._retries.storage_failures:
                    raise led(error, post) from error
                time.sleep(self._retries.wait(post.label, failures))
            except PairloomError as error:
                raise led(error, post) from error
            except Exception as error:
                error.add_note(f"in {post.label}")
                raise


def led(error: PairloomError, post: Post) -> PairloomError:
    """The same kind of error, its message led by the member's label."""
    return type(error)(f"{post.label}: {error}")


def asked_to_stop() -> PreemptedError:
    """What a crew raises when the run was asked to stop."""
    return PreemptedError("asked to stop; what is finished is kept, and the same command goes on from there")
