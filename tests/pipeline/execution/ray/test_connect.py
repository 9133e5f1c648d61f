"""What people read where Ray does not start."""

import pytest
import ray

from pairloom.operators.errors import StorageError
from pairloom.pipeline.execution.ray.cluster import connect


def test_a_ray_that_does_not_start_in_time_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**options: object) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(StorageError, match=r"Ray did not start on this machine: .*`--engine local`"):
        connect("local")
