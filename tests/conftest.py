"""Settings that every test shares."""

from hypothesis import HealthCheck, settings

# The first example of a property may compile a kernel, so that no example has a deadline.
settings.register_profile(
    "pairloom", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pairloom")

pytest_plugins = ["tests.support.servers"]
