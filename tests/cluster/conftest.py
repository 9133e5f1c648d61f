"""One Ray cluster for all tests here that leave its machine alone: starting one, and its workers, takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tests.support.servers import S3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here is one of Ray, whose processes and sockets outlive what Python considers their owners."""
    ignored = (
        "ResourceWarning",
        "pytest.PytestUnraisableExceptionWarning",
        "FutureWarning",
        "DeprecationWarning",
    )
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.filterwarnings(*(f"ignore::{name}" for name in ignored)))


class SharedCluster:
    """A cluster of one machine with three processors, to which this process is connected from its first use on.

    Its workers reach the bucket of the tests' S3, whatever the environment of the test that starts it.
    """

    def __init__(self, s3: S3) -> None:
        self._s3 = s3
        self._address: str | None = None

    def start(self) -> str:
        """The address of the cluster, which runs."""
        if self._address is None:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in self._s3.environment.items():
                    patch.setenv(name, value)
                context = ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
            self._address = context.address_info["gcs_address"]
        return self._address

    def end(self) -> None:
        """Make way for a cluster of a test's own."""
        if self._address is not None:
            ray.shutdown()
            self._address = None


@pytest.fixture(scope="package")
def shared_cluster(s3: S3) -> Iterator[SharedCluster]:
    shared = SharedCluster(s3)
    yield shared
    shared.end()


@pytest.fixture
def cluster(shared_cluster: SharedCluster) -> str:
    """The address of the cluster that this process is connected to; workers may be killed, the machine may not."""
    return shared_cluster.start()


@pytest.fixture(scope="module")
def no_cluster(shared_cluster: SharedCluster) -> None:
    """This process is connected to no cluster."""
    shared_cluster.end()
