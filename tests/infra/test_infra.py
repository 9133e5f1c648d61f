"""Every file below `infra/`: read by the tool that it is for, and true about this package."""

import configparser
import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import ray
import typer.main
import yaml

from pairloom.jobs.cli import app
from pairloom.pipeline import make_plan, parse_recipe
from pairloom.pipeline.forecast.cluster import Cluster, forecast
from tests.infra.kuberay import SCHEMAS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
MANIFESTS = sorted((INFRA / "kubernetes").glob("*.yaml"))
CLUSTERS = sorted((INFRA / "ray").glob("*.yaml"))
COMMANDS = {command.name for command in app.registered_commands}
GB = 1_000_000_000


def resources() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            yield path.name, document


def ray_job(name: str) -> dict[str, Any]:
    document = yaml.safe_load((INFRA / "kubernetes" / name).read_text())
    spec: dict[str, Any] = document["spec"]
    return spec.get("jobTemplate", spec)


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod template of every manifest."""
    for name, document in resources():
        spec = document.get("spec", {})
        if document["kind"] == "CronJob":
            yield f"{name} pod", spec["jobTemplate"]["spec"]["template"]
        elif document["kind"] in SCHEMAS:
            cluster = spec.get("jobTemplate", spec)["rayClusterSpec"]
            yield f"{name} head", cluster["headGroupSpec"]["template"]
            for group in cluster["workerGroupSpecs"]:
                yield f"{name} {group['groupName']}", group["template"]


def tool(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A tool that the development dependencies bring, beside this Python."""
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    assert path is not None, f"{name} is missing: pip install -e '.[dev]'"
    return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)


def shell_commands() -> Iterator[tuple[str, list[str]]]:
    """Every `pairloom COMMAND ...` that a file below infra/ runs."""
    for path in sorted(INFRA.rglob("*")):
        if path.suffix in {".yaml", ".service"} or path.name == "Dockerfile":
            text = re.sub(r"args: \[(.*)\]", lambda m: m[1].replace(",", ""), path.read_text())
            for words in re.findall(
                r"(?:RUN|ExecStart=\S+/|entrypoint:|- |args:|^ +) *(pairloom [a-z].*)", text, re.MULTILINE
            ):
                yield path.name, words.split(" #")[0].split()


@pytest.mark.parametrize(("name", "document"), list(resources()), ids=lambda value: str(value)[:40])
def test_manifests_are_what_kubernetes_takes(name: str, document: dict[str, Any]) -> None:
    if document["kind"] in SCHEMAS:
        jsonschema.validate(document, SCHEMAS[document["kind"]])
    else:
        kubernetes_validate.validate(document, "1.31", strict=True)


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=lambda value: str(value)[:40])
def test_pods_are_what_kubernetes_takes_and_may_do_little(name: str, pod: dict[str, Any]) -> None:
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", **pod.get("metadata", {})}}
    kubernetes_validate.validate(whole | {"spec": pod["spec"]}, "1.31", strict=True)
    spec = pod["spec"]
    assert spec["serviceAccountName"] == "pairloom"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["terminationGracePeriodSeconds"] > 20  # what a run that is asked to stop takes
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"] == container["resources"]["limits"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in spec["volumes"]}


def test_schemas_refuse_what_kuberay_does_not_know() -> None:
    document = yaml.safe_load((INFRA / "kubernetes" / "rayjob.yaml").read_text())
    document["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplica"] = 3
    with pytest.raises(jsonschema.ValidationError, match="maxReplica"):
        jsonschema.validate(document, SCHEMAS["RayJob"])


def test_scheduled_and_single_runs_have_one_cluster() -> None:
    assert ray_job("rayjob.yaml")["rayClusterSpec"] == ray_job("raycronjob.yaml")["rayClusterSpec"]
    cluster = ray_job("rayjob.yaml")["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    head = cluster["headGroupSpec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    (term,) = head["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert {one["operator"] for one in term["matchExpressions"]} == {"NotIn"}
    assert cluster["rayVersion"] == ray.__version__ or tuple(map(int, cluster["rayVersion"].split("."))) >= (
        2,
        52,
    )


def quantity(text: str) -> int:
    return int(text.removesuffix("Gi")) << 30


def test_workers_hold_as_many_tasks_as_they_have_processors(tmp_path: Path) -> None:
    """Of the memory of a pod or machine Ray keeps 30 % for its object store."""
    text = next(d for _, d in resources() if d["kind"] == "ConfigMap")["data"]["recipe.yaml"]
    document = yaml.safe_load(text)
    sparse = tmp_path / "a.jsonl"
    with sparse.open("wb") as file:
        file.truncate(1000 * GB)
    document["corpus"][0]["paths"] = [str(sparse)]
    document["root"] = str(tmp_path / "out")
    plan = make_plan(parse_recipe(yaml.safe_dump(document)))
    projected = {p.stage: p.memory for p in forecast(plan, Cluster.of(960))}
    for name, pod in pods():
        if name.endswith("head"):
            continue
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        memory = quantity(limits["memory"]) * 0.7
        for stage in ("count", "tokenize"):
            assert projected[stage] * int(limits["cpu"]) <= memory, (name, stage)
        for stage in ("learn", "pack"):
            assert projected[stage] < 1000 * GB, (name, stage)


def test_the_recipe_of_the_manifests_is_one() -> None:
    (text,) = [d["data"]["recipe.yaml"] for _, d in resources() if d["kind"] == "ConfigMap"]
    assert parse_recipe(text).root == "s3://BUCKET/tokens"


@pytest.mark.parametrize("path", CLUSTERS, ids=lambda path: path.stem)
def test_ray_takes_the_cluster_files(path: Path) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(yaml.safe_load(path.read_text()))
    validate_config(config)
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        assert commands[0] == "ray stop"
        assert commands[1].startswith("RAY_AUTH_MODE=token ray start ")
    assert "~/.ray/auth_token" in config["file_mounts"]
    if path.stem != "onprem":
        types = config["available_node_types"]
        assert types["head"]["resources"]["CPU"] == 0
        assert "Market" not in str(types["head"])
        assert "SPOT" not in str(types["head"])
        assert re.search(r"'spot'|SPOT", str(types["spot"]["node_config"]))
        assert types["spot"]["min_workers"] == 0


@pytest.mark.parametrize("path", CLUSTERS, ids=lambda path: path.stem)
def test_ray_knows_the_options_of_ray_start(path: Path) -> None:
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    config = yaml.safe_load(path.read_text())
    for line in (*config["head_start_ray_commands"], *config["worker_start_ray_commands"]):
        assert set(re.findall(r"--[a-z-]+", line)) <= known


def test_no_secret_is_written_down() -> None:
    for path in INFRA.rglob("*"):
        if path.is_dir() or path.suffix in (".py", ".pyc"):
            continue
        text = path.read_text()
        assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN|AccountKey=|password *[:=]", text), path
    for name, pod in pods():
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                named = re.search("KEY|TOKEN|SECRET|PASSWORD", variable["name"])
                assert not named or "valueFrom" in variable, (name, variable)


def test_commands_that_are_run_exist() -> None:
    found = list(shell_commands())
    assert {name for name, _ in found} == {
        "Dockerfile",
        "cronjob.yaml",
        "onprem.yaml",
        "pairloom.service",
        "raycronjob.yaml",
        "rayjob.yaml",
    }
    group = typer.main.get_group(app)
    for name, words in found:
        assert words[1] in COMMANDS, (name, words)
        if words[1] in group.commands:
            options = {option for parameter in group.commands[words[1]].params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= options, (name, words)


def test_the_dockerfile_is_sound() -> None:
    checked = tool("hadolint", INFRA / "Dockerfile")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_the_dockerfile_names_exists() -> None:
    text = (INFRA / "Dockerfile").read_text()
    allowed = re.findall(r"^!(.+)$", (INFRA / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(fnmatch.fnmatch(name.rstrip("/"), pattern) for pattern in allowed), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {name.rstrip("/") for name in copied} >= {
        *(Path(folder).parts[0] for folder in project["tool"]["setuptools"]["package-dir"].values()),
        project["project"]["readme"],
        *project["project"]["license-files"],
    }
    (extras,) = re.findall(r"pairloom-\*\.whl\)\[([a-z0-9,]+)\]", text)
    assert (
        set(extras.split(",")) == {"s3", "gcs", "azure"} <= set(project["project"]["optional-dependencies"])
    )
    (python,) = re.findall(r"^ARG PYTHON=(\S+)$", text, re.MULTILINE)
    assert f"Programming Language :: Python :: {python}" in project["project"]["classifiers"]
    (cache,) = re.findall(r"PAIRLOOM_CACHE_DIR=(\S+)", text)
    assert f"--owner=ray --group=ray {cache}" in text
    assert text.index("USER 1000") < text.index("RUN pairloom warmup")
    versions = set(
        re.findall(r"pairloom:(\d+\.\d+\.\d+)", "".join(p.read_text() for p in (*MANIFESTS, *CLUSTERS)))
    )
    assert versions == {project["project"]["version"]}


def test_the_batch_script_is_sound() -> None:
    script = INFRA / "slurm" / "pairloom.sbatch"
    checked = tool("shellcheck", "--severity=style", script)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    options = re.findall(r"^#SBATCH (--[a-z-]+)", script.read_text(), re.MULTILINE)
    assert "--signal" in options
    assert "--requeue" in options


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in ("pairloom.service", "pairloom.timer"):
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read(INFRA / "systemd" / name)
        assert set(parser.sections()) == {"Unit", "Install", parser.sections()[1]}
        # What it runs is installed, and whom it runs as exists, where it is meant for.
        text = (INFRA / "systemd" / name).read_text().replace("/opt/pairloom/bin/pairloom", "/bin/true")
        (tmp_path / name).write_text(text.replace("User=pairloom", "User=root"))
    assert int(parser["Timer"]["RandomizedDelaySec"].removesuffix("min")) > 0
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        units = [tmp_path / "pairloom.timer", tmp_path / "pairloom.service"]
        checked = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    from pairloom.pipeline.execution.ray.metrics import METRICS

    suffixes = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
    known = {
        f"ray_pairloom_{name}{end}": tags
        for name, (kind, tags, _) in METRICS.items()
        for end in suffixes[kind.__name__]
    }
    dashboard = json.loads((INFRA / "grafana" / "pairloom.json").read_text())
    asked: set[str] = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"ray_pairloom_\w+", target["expr"]):
                assert name in known, name
                asked.add(name)
                wanted = {
                    tag
                    for tags in re.findall(r"by \(([\w, ]+)\)", target["expr"])
                    for tag in tags.split(", ")
                }
                assert wanted - {"le"} <= set(known[name])
                assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= wanted
    assert {name.removeprefix("ray_pairloom_") for name in asked} >= {
        f"{name}_total" for name, (kind, _, _) in METRICS.items() if kind.__name__ == "Counter"
    }


@pytest.mark.rare("infra/sbom.txt", "Makefile", "pyproject.toml")
def test_the_environment_is_listed(tmp_path: Path) -> None:
    """`make sbom` names what is installed, each with its version; the tool is no part of what it lists."""
    listed, tool = tmp_path / "sbom.json", tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    install = [sys.executable, "-m", "pip", "--python", tool, "install", "--quiet", "--no-compile"]
    subprocess.run([*install, "--requirement", INFRA / "sbom.txt"], check=True)
    command = [tool, "-m", "cyclonedx_py", "environment", sys.executable]
    subprocess.run([*command, "--output-format", "JSON", "--output-file", str(listed)], check=True)
    found = {one["name"]: one["version"] for one in json.loads(listed.read_text())["components"]}
    assert found["ray"] == ray.__version__
