"""(U11) A page for every platform, from nothing to rows; what it names exists."""

import re
from pathlib import Path

import pytest
import yaml

from pairloom.jobs.recipes import named_recipe
from tests.infra.test_console import console_lines
from tests.infra.test_infra import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "infra" / "platforms").glob("*.md"))
KUBERNETES = [page for page in PAGES if Path(page).stem in {"aws", "gcp", "azure"}]
DOCUMENTS = ["docs/guides/clusters.md", "infra/README.md", *PAGES]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_every_platform_has_a_page_that_is_linked() -> None:
    assert {Path(page).stem for page in PAGES} == {"aws", "azure", "gcp", "machine", "slurm"}
    for page in PAGES:
        assert f"]({page.removeprefix('infra/')})" in text_of("infra/README.md")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_its_sections_in_order(page: str) -> None:
    wanted = ["Costs", "Quotas", "Network", "Identity", "Smoke test", "Real run"]
    found = re.findall(r"^## (.+)$", text_of(page), re.MULTILINE)
    assert [name for name in found if name in wanted] == wanted
    assert set(found) - set(wanted) == ({"KubeRay"} if page in KUBERNETES else {"Environment"})


@pytest.mark.parametrize("page", PAGES)
def test_paths_of_a_page_exist(page: str) -> None:
    text = text_of(page)
    named = re.findall(r"(?<![\w/.])infra/[\w./-]*\w", text)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (ROOT / page).parent.joinpath(link).exists(), link
    for anchor in re.findall(r"README\.md#([\w-]+)", text):
        titles = re.findall(r"^#+ (.+)$", text_of("infra/README.md"), re.MULTILINE)
        assert anchor in {title.lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_plans_then_tests_then_runs_and_proves(page: str) -> None:
    ours = [words[words.index("pairloom") + 1 :] for words in console_lines(page) if "pairloom" in words]
    verbs = [words[0] for words in ours if words and words[0] in COMMANDS]
    assert verbs[0] == "plan"
    assert verbs.count("verify") == 2
    assert {"inspect", "status"} <= set(verbs)


@pytest.mark.parametrize("page", KUBERNETES)
def test_the_smoke_test_is_the_real_job_with_the_shipped_recipe(page: str) -> None:
    ((old, new, source),) = re.findall(
        r"\$ sed 's\|(.+?)\|(.+?)\|' (\S+) \| kubectl create -f -", text_of(page)
    )
    document = yaml.safe_load((ROOT / source).read_text().replace(old, new))
    words = document["spec"]["entrypoint"].split()
    assert words[:4] == ["pairloom", "run", "stdlib", "--set"]
    assert named_recipe(words[2], [words[4]]).root == words[4].removeprefix("root=")
    assert f"$ pairloom verify {words[4].removeprefix('root=')}\n" in text_of(page)


def test_pods_ask_for_the_identity_that_aks_lends() -> None:
    for path in (ROOT / "infra" / "kubernetes").glob("*job.yaml"):
        text = path.read_text()
        label = 'labels: {azure.workload.identity/use: "true"}'
        assert text.count(label) == text.count("serviceAccountName: pairloom"), path.name


def test_options_of_the_batch_script_are_its_own() -> None:
    script = (ROOT / "infra" / "slurm" / "pairloom.sbatch").read_text()
    page = text_of("infra/platforms/slurm.md")
    for name in ("--exclusive", "--requeue", "PAIRLOOM_RAY_PORT"):
        assert name in page
        assert name in script


def test_all_documents_tell_one_time_of_compiling() -> None:
    told = [
        (name, int(seconds))
        for name in DOCUMENTS
        for paragraph in text_of(name).split("\n\n")
        if "compile" in paragraph and "ernel" in paragraph
        for seconds in re.findall(r"(?:about|some) (\d+) seconds", paragraph.replace("\n", " "))
    ]
    assert len(told) >= 4
    assert {seconds for _, seconds in told} == {40}, told
