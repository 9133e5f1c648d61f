"""The image, built by buildah, which needs no daemon, upon a root of Debian's packages that stands for `python:slim`.

    make test-image      # as root, after: apt-get install --no-install-recommends buildah mmdebstrap

What pip and apt are told on this machine, such as a mirror, they are told in the build.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = "3.11"  # Debian bookworm's
BASE = f"docker.io/library/python:{PYTHON}-slim-bookworm"
PASSED = re.compile(r"^(PIP_\w+|SSL_CERT_\w+|\w+_proxy|\w+_PROXY)$")

pytestmark = [
    pytest.mark.skipif(
        "PAIRLOOM_IMAGE" not in os.environ, reason="builds an image, for half an hour: make test-image"
    ),
    pytest.mark.timeout(7200),
]


class Builder:
    """buildah with a storage of its own."""

    def __init__(self, folder: Path) -> None:
        self.start = ["buildah", "--root", f"{folder}/storage", "--runroot", f"{folder}/run"]
        self.start += ["--storage-driver", "vfs"]

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [*self.start, *words],
            capture_output=True,
            text=True,
            env=os.environ | {"BUILDAH_ISOLATION": "chroot"},
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout.strip()


def told() -> Iterator[str]:
    """What pip and apt are told here, as options of a build: files and folders that are mounted, variables."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    paths = {
        path for path in re.findall(r"(?:(?<=')|(?<=file://)|(?<= ))/[^\s']+", said) if Path(path).exists()
    }
    configured = ("/etc/apt", "/etc/ssl/certs", "/etc/pip.conf")
    for path in sorted({*paths, *(path for path in configured if Path(path).exists())}):
        if not any(path.startswith(f"{other}/") for other in configured):
            yield from ("--volume", f"{path}:{path}:ro")
    for name, value in os.environ.items():
        if PASSED.match(name):
            yield from ("--env", f"{name}={value}")


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Builder, str]]:
    """A container of the image."""
    folder = tmp_path_factory.mktemp("image")
    builder = Builder(folder)
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
    subprocess.run(["mmdebstrap", "--variant=minbase", packages, "bookworm", folder / "root.tar"], check=True)
    base = builder("from", "scratch")
    builder("add", "--quiet", base, f"{folder}/root.tar", "/")
    builder(
        "run",
        base,
        "--",
        "sh",
        "-c",
        "ln -s python3 /usr/bin/python; rm -f /usr/lib/python3*/EXTERNALLY-MANAGED",
    )
    builder("commit", "--quiet", "--rm", base, BASE)
    builder(
        *("bud", "--pull-never", "--network", "host", *told(), "--build-arg", f"PYTHON={PYTHON}"),
        *("--file", f"{ROOT}/infra/Dockerfile", "--ignorefile", f"{ROOT}/infra/Dockerfile.dockerignore"),
        *("--tag", "pairloom:test", str(ROOT)),
    )
    yield builder, builder("from", "--pull-never", "localhost/pairloom:test")
    shutil.rmtree(folder, ignore_errors=True)


def test_the_image_is_built_and_works(container: tuple[Builder, str]) -> None:
    """It is nobody's root, knows what it consists of, has its kernels, and runs a recipe."""
    builder, name = container

    def run(command: str) -> str:
        return builder("run", name, "--", "sh", "-c", command)

    said = json.loads(builder("inspect", "--type", "image", "localhost/pairloom:test"))["OCIv1"]["config"]
    assert (said["User"], said["Entrypoint"]) == ("1000", ["tini", "--"])
    assert run("id -u") == "1000"
    assert json.loads(run("cat /opt/venv/sbom.json"))["bomFormat"] == "CycloneDX"
    kernels = "find /opt/pairloom/kernels -name '*.kernel' | sort"
    warm = run(kernels)
    assert warm
    assert "pairloom 0." in run("pairloom --version")
    recipe = "corpus: [{name: web, paths: a.txt}]\nvocabulary: {size: 300}\npack: {seq_len: 64}"
    run(
        f"yes 'a rose is a rose' | head -c 9999 > a.txt; printf '{recipe}' > r.yaml; pairloom run r.yaml --engine local"
    )
    assert json.loads(run("pairloom files out --json"))
    assert run(kernels) == warm  # nothing was compiled
    checks = {
        one["check"]: one["state"] for one in json.loads(run("pairloom doctor --no-ray --json || true"))
    }
    assert checks["kernels"] == "ok"
    assert {check for check, state in checks.items() if state == "wrong"} <= {
        "open files"
    }  # the builder's limit
    for tool in ("tini", "wget", "rsync", "ssh"):
        assert run(f"command -v {tool}")
