"""What families say of the time that text takes by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.learners import LEARNERS
from pairloom.operators.models import MODELS
from pairloom.operators.speeds import BYTE_LEVEL, LIBRARY, Encoding


@pytest.mark.parametrize("registry", [LEARNERS, MODELS], ids=["learners", "models"])
def test_every_family_says_what_encoding_takes(registry) -> None:  # type: ignore[no-untyped-def]
    for name in registry.names():
        family = registry.get(name)
        if family.__module__.startswith("pairloom."):
            assert "encoding" in vars(family), f"{name} has no `encoding` of its own"
            found = family.encoding
            assert found.first > 0
            assert found.later > 0
            assert found.bytes_per_token >= 1


def test_a_family_that_is_learned_and_its_model_say_the_same() -> None:
    both = {*LEARNERS.names(), *MODELS.names()} - {"ids", "foreign", "sentencepiece"}
    for name in both & set(MODELS.names()) & set(LEARNERS.names()):
        assert MODELS.get(name).encoding == LEARNERS.get(name).encoding


@given(st.floats(1, 1e15), st.floats(1, 1e15), st.floats(1, 1000), st.floats(1, 1000))
def test_more_text_takes_more_time_and_new_words_take_longer(
    one: float, two: float, first: float, later: float
) -> None:
    found = Encoding(first=first, later=later)
    low, high = sorted((one, two))
    assert found.seconds(low) <= found.seconds(high)
    slowest, fastest = min(first, later) * 1e6, max(first, later) * 1e6
    assert high / fastest * 0.999 <= found.seconds(high) <= high / slowest * 1.001


def test_the_library_is_slower_than_any_family_of_kernels() -> None:
    slow = LIBRARY.seconds(1e9)
    kernels = [LEARNERS.get(name).encoding for name in LEARNERS.names()]
    assert all(one.seconds(1e9) < slow / 5 for one in kernels)
    assert BYTE_LEVEL.by_library().seconds(1e9) == slow


def test_a_pattern_of_ones_own_takes_its_time_before_the_family() -> None:
    """As fast as `docs/explain/patterns.md` says: 5 to 10 MB/s where it is translated, else about a quarter of that."""
    assert BYTE_LEVEL.cut_by(None) is BYTE_LEVEL
    translated, library = (
        BYTE_LEVEL.cut_by(pattern) for pattern in (r"\p{L}+|\s+", r"(?i:\p{Lu})\X|(a|aa)+")
    )
    alone = BYTE_LEVEL.seconds(1e9)
    assert 1e9 / 10e6 < translated.seconds(1e9) - alone < 1e9 / 4.9e6
    assert 1e9 / 2.5e6 < library.seconds(1e9) - alone < 1e9 / 1.2e6
    assert translated.bytes_per_token == BYTE_LEVEL.bytes_per_token
