"""What the documents say at a console, as the tools that are called take it, and what AWS is given."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml

from pairloom.jobs.cli import app

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"


def console_lines(name: str) -> Iterator[list[str]]:
    """The words of every command in the console blocks of a document."""
    for block in re.findall(r"```console\n(.*?)```", (ROOT / name).read_text(), re.DOTALL):
        for line in re.findall(r"^ *\$ (.+)$", block, re.MULTILINE):
            for command in line.split(" # ")[0].split(" | "):
                words = shlex.split(command)
                while "=" in words[0]:  # a variable of the environment
                    words = words[1:]
                yield words
                if "--" in words:  # ray job submit ... -- COMMAND
                    yield words[words.index("--") + 1 :]
                yield from (shlex.split(word) for word in words[1:] if word.startswith("pairloom "))


@pytest.mark.parametrize(("name", "least"), [("docs/guides/clusters.md", 5), ("infra/README.md", 8)])
def test_commands_of_the_documents_exist(name: str, least: int) -> None:
    from ray.scripts.scripts import cli as ray_cli

    group, seen = typer.main.get_group(app), 0
    for words in console_lines(name):
        ours = words[: words.index("--")] if "--" in words else words
        root = {"pairloom": group, "ray": ray_cli}.get(Path(ours[0]).name)
        if root is None:
            continue
        at, rest = root, ours[1:]
        while rest and rest[0].split("|")[0] in getattr(at, "commands", {}):
            for other in rest[0].split("|"):
                assert other in at.commands, ours
            at, rest = at.commands[rest[0].split("|")[0]], rest[1:]
        assert at is not root, ours
        options = {name for parameter in at.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.split("=")[0] for word in rest if word.startswith("--")} <= options, ours
        seen += 1
    assert seen >= least


def test_commands_for_aws_are_what_its_services_take() -> None:
    import botocore.session
    from botocore import xform_name

    session, seen = botocore.session.get_session(), 0
    for words in (*console_lines("infra/README.md"), *console_lines("infra/platforms/aws.md")):
        if words[0] != "aws" or words[1:3] == ["ecr", "get-login-password"]:  # a command of the CLI's own
            continue
        service = session.get_service_model({"s3api": "s3"}.get(words[1], words[1]))
        operations = {xform_name(name, "-"): name for name in service.operation_names}
        shape = service.operation_model(operations[words[2]]).input_shape
        members = {xform_name(name, "-"): name for name in shape.members}
        given = {word.removeprefix("--") for word in words if word.startswith("--")} - {"region", "query"}
        assert {members[name] for name in given} >= set(shape.required_members), words
        for word in words:
            if word.startswith("file://"):
                assert (ROOT / word.removeprefix("file://")).is_file(), words
        seen += 1
    assert seen >= 14


def test_what_aws_is_given_is_valid() -> None:
    import botocore.session
    from botocore.validate import validate_parameters
    from moto.iam.policy_validation import IAMPolicyDocumentValidator, IAMTrustPolicyDocumentValidator
    from ray.autoscaler.tags import TAG_RAY_CLUSTER_NAME

    texts = {path.stem: path.read_text() for path in (INFRA / "aws").glob("*.json")}
    put = (
        botocore.session.get_session()
        .get_service_model("s3")
        .operation_model("PutBucketLifecycleConfiguration")
    )
    rules = json.loads(texts.pop("lifecycle"))
    validate_parameters({"Bucket": "BUCKET", "LifecycleConfiguration": rules}, put.input_shape)
    IAMTrustPolicyDocumentValidator(texts.pop("trust")).validate()
    assert set(texts) == {"worker-policy", "head-policy"}
    for text in texts.values():
        IAMPolicyDocumentValidator(text.replace("ACCOUNT", "123456789012")).validate()
    stopping = next(
        one for one in json.loads(texts["head-policy"])["Statement"] if one["Sid"].startswith("Stop")
    )
    ((tag, cluster),) = stopping["Condition"]["StringEquals"].items()
    assert tag == f"aws:ResourceTag/{TAG_RAY_CLUSTER_NAME}"
    launched = yaml.safe_load((INFRA / "ray" / "aws.yaml").read_text())
    assert cluster == launched["cluster_name"]
    profile = launched["available_node_types"]["spot"]["node_config"]["IamInstanceProfile"]["Name"]
    passed = next(
        one for one in json.loads(texts["head-policy"])["Statement"] if "iam:PassRole" in one["Action"]
    )
    assert all(name.endswith(f"/{profile}") for name in passed["Resource"])
