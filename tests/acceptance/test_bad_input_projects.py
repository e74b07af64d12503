"""Bad input: projects and policies that cannot be used are refused before anything is touched."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.bench import REPAIR, Bench, check_failed, check_refused
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import broken_shop
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord
from workflows.models.status import StepName

BUILD = "services:\n  api:\n    build: ./api\n"
PROJECTS: dict[str, tuple[dict[str, str], str]] = {
    "unset variables": (
        {"compose.yaml": BUILD + "    environment: {A: '${COLOUR_ONE}', B: '${COLOUR_TWO}'}\n"},
        "unset_variables",
    ),
    "variable that must be set": (
        {"compose.yaml": BUILD + "    image: '${TAG:?name one}'\n"}, "compose_invalid"
    ),
    "no YAML": ({"compose.yaml": "services:\n  api: [\n"}, "compose_invalid"),
    "not Compose": ({"compose.yaml": BUILD + "    colour: red\n"}, "compose_invalid"),
    "empty": ({"compose.yaml": ""}, "compose_invalid"),
    "an include that is missing": ({"compose.yaml": "include: [nope.yaml]\n" + BUILD}, "compose_invalid"),
    "an env_file that is missing": ({"compose.yaml": BUILD + "    env_file: nope.env\n"}, "compose_invalid"),
    "no compose file": ({"README.md": "no compose file here\n"}, "compose_invalid"),
    "no build section": (
        {"compose.yaml": "services:\n  api:\n    image: mmt-none:1\n"}, "image_only_service"
    ),
    "inline Dockerfile": (
        {"compose.yaml": "services:\n  api:\n    build: {dockerfile_inline: FROM python:3.13-slim}\n"},
        "dockerfile_inline",
    ),
    "remote context": (
        {"compose.yaml": "services:\n  api:\n    build: https://ci:word@git.invalid/shop.git\n"},
        "build_context_remote",
    ),
    "context is missing": (
        {"compose.yaml": "services:\n  api:\n    build: ./gone\n"}, "build_context_missing"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """A project that was tried: what became of it, and its files before."""

    project: ComposeSandbox
    before: dict[str, str]
    record: RunRecord


@pytest.fixture(scope="module")
def tried(bench: Bench) -> Iterator[dict[str, Tried]]:
    """Every project, served beside the shop, and one run on each."""
    usual = {name: text for name, text in broken_shop("humanize").items() if name != "compose.yaml"}
    projects = {case: bench.project(usual | changes) for case, (changes, _) in PROJECTS.items()}
    before = {case: project.checksums() for case, project in projects.items()}
    bench.serve(*projects.values())
    try:
        records = bench.run_all(
            {case: {"instruction": REPAIR, "project": project.name} for case, project in projects.items()}
        )
        yield {case: Tried(projects[case], before[case], records[case]) for case in projects}
    finally:
        bench.serve()
        for project in projects.values():
            shutil.rmtree(project.directory)


@pytest.mark.parametrize("case", PROJECTS)
def test_a_project_that_cannot_be_repaired_is_refused_in_preflight(
    tried: dict[str, Tried], case: str
) -> None:
    """The code says why; Compose's own message is quoted; nothing in the project is written."""
    one, code = tried[case], PROJECTS[case][1]
    record = check_failed(one.record, code)
    assert record.failure is not None
    assert record.failure.step is StepName.PREFLIGHT
    if code == "compose_invalid":
        own = one.project.compose("config", expect_rc=None)
        assert own.returncode != 0
        words = " ".join(own.stderr.split())
        assert any(part in words for part in _sentences(record.failure.message)), (words, record.failure)
    if code == "unset_variables":
        assert "COLOUR_ONE, COLOUR_TWO" in record.failure.message
    assert "ci:word" not in record.model_dump_json()
    assert one.project.checksums() == one.before
    assert one.project.containers() == []


def _sentences(message: str) -> list[str]:
    """What is quoted after our own words, in pieces long enough to prove it."""
    quoted = message.split("files: ", 1)[-1]
    return [" ".join(line.split()) for line in quoted.splitlines() if len(line.strip()) > 12]


def test_an_edit_that_was_not_deployed_is_not_shipped_with_a_repair(bench: Bench) -> None:
    """``config_drift``: an edit of the compose file must be deployed or reverted first."""
    text = bench.shop.read("compose.yaml")
    bench.shop.write(
        "compose.yaml", text.replace("build: ./api", "build: ./api\n    environment: {NEW: '1'}")
    )
    try:
        record = check_refused(bench.run("api", REPAIR), "config_drift")
        assert record.failure is not None
        assert "docker compose up -d --no-deps api" in record.failure.remedy
        assert bench.run("store", "repair store").record.code == "nothing_to_repair", "store is as deployed"
    finally:
        bench.shop.write("compose.yaml", text)


POLICIES: dict[str, tuple[bytes | None, str, str]] = {
    "gone": (None, "policy_unreadable", "policy.yaml"),
    "no YAML": (b"version: 1\nprojects: [\n", "policy_invalid", "policy.yaml:"),
    "a list": (b"- version\n", "policy_invalid", "not a mapping"),
    "not UTF-8": (b"version: 1\n\xff\xfe\n", "policy_invalid", "UTF-8"),
    "tabs": (b"version: 1\nprojects:\n\tshop: {}\n", "policy_invalid", "policy.yaml:3"),
    "a wrong key": (b"version: 1\nprojets: {}\n", "policy_invalid", "did you mean 'projects'?"),
    "a wrong type": (b"version: 1\nlimits: {max_rounds: many}\n", "policy_invalid", "limits.max_rounds"),
    "a relative workspace": (b"projects:\n  shop: {workspace: shop}\n", "policy_invalid", "workspace"),
    "everything": (b"projects:\n  shop: {workspace: /}\n", "policy_invalid", "whole file system"),
    "an allow list that climbs": (
        b"projects:\n  shop:\n    workspace: /srv\n    services: {api: {allow: ['../*']}}\n",
        "policy_invalid", "leaves the workspace",
    ),
    "code": (b"!!python/object/apply:os.system ['touch /tmp/x']\n", "policy_invalid", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_that_cannot_be_read_stops_every_run(bench: Bench, case: str) -> None:
    """Malformed while the worker runs: every run is refused; a command on its own says the same at once."""
    data, code, said = POLICIES[case]
    assert bench.operator.policy is not None
    path = bench.operator.policy
    path.unlink()
    try:
        if data is not None:
            path.write_bytes(data)
        record = check_failed(bench.run_all({"it": {"instruction": REPAIR}})["it"], code)
        assert record.failure is not None
        assert said in record.failure.message
        checked = bench.operator.command("policy", "check", str(path))
        assert checked.code == 5
        assert said in checked.stdout + checked.stderr
        assert "Traceback" not in checked.stderr
    finally:
        bench.serve()


@pytest.mark.parametrize("kind", ["malformed", "missing", "a directory", "relative"])
def test_a_local_run_with_a_bad_policy(bench: Bench, tmp_path: Path, kind: str) -> None:
    """``--local`` and ``dev``: no half-started stack, one line that names file and line, no traceback."""
    operator = Operator(tmp_path)
    operator.write_policy("version: 1\nprojets: {}\n")
    if kind == "missing":
        operator.policy = tmp_path / "none.yaml"
    if kind == "a directory":
        operator.policy = tmp_path
    if kind == "relative":
        operator.policy = Path("policy.yaml")
    before = bench.measured()
    ran = operator.run_local(bench.shop.directory, "api", REPAIR)
    served = operator.command("dev", "--project-dir", str(bench.shop.directory), timeout=30)
    assert bench.measured() == before
    assert "Traceback" not in ran.stderr + served.stderr
    if ran.stdout:
        check_refused(ran, "policy_invalid" if kind == "malformed" else "policy_unreadable")
    else:
        assert ran.code == 2
    assert served.code == 5
    assert any(word in served.stderr for word in ("policy_invalid", "policy_unreadable", "settings_invalid"))
