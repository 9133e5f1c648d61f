"""Machines for tests: network namespaces with an address, a /dev/shm and a folder for Ray of their own, on one bridge.

It takes root and `ip` of iproute2. Each machine can be cut off from the others by taking its link down.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Machine", "Network", "network"]

RAY_FOLDER = "/tmp/pairloom-ray"  # short: the names of sockets are below it
PRIVATE = (
    "mount -t tmpfs -o size=300m tmpfs /dev/shm && mkdir -p {folder} && mount -t tmpfs tmpfs {folder} && "
    'ip link set lo up && exec "$@"'
)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Machine:
    """A namespace; `run` starts a process in it that ends with the machine."""

    name: str
    address: str
    link: str  # its end on the bridge
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, command: list[str], environment: Mapping[str, str], log: str) -> None:
        shell = ["sh", "-c", PRIVATE.format(folder=RAY_FOLDER), "sh", *command]
        with Path(log).open("wb") as out:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *shell],
                env=dict(environment),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)

    def names(self) -> list[str]:
        """What runs on the machine, as the processes call themselves."""
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        names = []
        for pid in found.stdout.split():
            with suppress(FileNotFoundError, ProcessLookupError):
                names.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        return names

    def cut(self) -> None:
        """Nothing reaches the machine any more, nor does it reach anything."""
        ip("link", "set", self.link, "down")

    def stop(self) -> None:
        """End whatever runs in the namespace."""
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        for pid in found.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self.processes:
            process.wait()


@dataclass
class Network:
    """A bridge: `host` is the address at which the machines reach this process."""

    host: str
    machines: list[Machine]


@contextmanager
def network(count: int) -> Iterator[Network]:
    """A bridge with so many machines; all of it is gone when the block ends."""
    key = os.getpid() % 60_000
    bridge, prefix = f"plb{key}", f"10.{200 + key // 256 % 50}.{key % 256}"
    machines = [
        Machine(name=f"pairloom-{key}-{i}", address=f"{prefix}.{i + 1}", link=f"plv{key}-{i}")
        for i in range(count)
    ]
    try:
        ip("link", "add", bridge, "type", "bridge")
        ip("addr", "add", f"{prefix}.254/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        for machine in machines:
            ip("netns", "add", machine.name)
            ip("link", "add", machine.link, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
            ip("link", "set", machine.link, "master", bridge, "up")
            ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", "eth0")
            ip("-n", machine.name, "link", "set", "eth0", "up")
            ip("-n", machine.name, "route", "add", "default", "via", f"{prefix}.254")
        yield Network(host=f"{prefix}.254", machines=machines)
    finally:
        for machine in machines:
            machine.stop()
            subprocess.run(["ip", "netns", "del", machine.name], capture_output=True)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True)
