"""Where a Ray cluster is named: in the recipe, in the environment, or by `ray start` on this machine.

Looked at without importing Ray, which takes seconds.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NamedCluster", "named_cluster", "ray_folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCluster:
    """A cluster's address, what names it, and what to do where that is wrong."""

    address: str
    says: str
    remedy: str


def named_cluster(address: str | None, environment: Mapping[str, str] = os.environ) -> NamedCluster | None:
    """The cluster that is meant, with the recipe's `address`; None where none is named."""
    mine = "or let it be started here, with `--engine local` for no cluster at all"
    if address == "local":
        return None
    if address not in (None, "auto"):
        return NamedCluster(
            address=str(address),
            says=f"execution.address is {address}",
            remedy="start the cluster or correct execution.address",
        )
    if variable := environment.get("RAY_ADDRESS"):
        return NamedCluster(
            address=variable,
            says=f"RAY_ADDRESS names the cluster {variable}",
            remedy=f"that is what the environment's RAY_ADDRESS says: correct or unset it, {mine}",
        )
    left = Path(ray_folder(environment), "ray", "ray_current_cluster")
    with suppress(OSError):
        if found := left.read_text().strip():
            return NamedCluster(
                address=found,
                says=f"`ray start` has left the cluster {found} running here",
                remedy=f"that is what {left} says, which `ray start` wrote: `ray stop` removes it",
            )
    return None


def ray_folder(environment: Mapping[str, str] = os.environ) -> str:
    """The folder below which Ray keeps what it writes on this machine."""
    return environment.get("RAY_TMPDIR") or environment.get("TMPDIR") or tempfile.gettempdir()
