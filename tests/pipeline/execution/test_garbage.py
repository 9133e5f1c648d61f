"""Looking for garbage rarely is over when the runs are, however they overlap and end."""

import gc
from collections.abc import Iterator

import pytest

from pairloom.pipeline.execution.garbage import collected_rarely


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_blocks_that_overlap_leave_what_was_there_before_the_first() -> None:
    gc.set_threshold(701, 11, 12)
    first, second = collected_rarely(), collected_rarely()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] > 701  # the other one goes on
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (701, 11, 12)


def test_a_block_that_fails_leaves_what_was_there() -> None:
    gc.set_threshold(701, 11, 12)
    with pytest.raises(KeyboardInterrupt), collected_rarely():
        raise KeyboardInterrupt
    assert gc.get_threshold() == (701, 11, 12)


@pytest.mark.parametrize("objects", [0, 50_000])
def test_who_looks_more_rarely_or_never_goes_on_so(objects: int) -> None:
    gc.set_threshold(objects, 11, 12)
    with collected_rarely():
        assert gc.get_threshold() == (objects, 11, 12)
    assert gc.get_threshold() == (objects, 11, 12)


def test_what_is_asked_for_meanwhile_stays() -> None:
    gc.set_threshold(701, 11, 12)
    with collected_rarely():
        gc.set_threshold(0, 3, 4)
    assert gc.get_threshold() == (0, 3, 4)
