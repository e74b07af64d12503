"""LOCATE: project and queue, from the policy alone."""

from pathlib import Path

import pytest

from activities.adapters.policy_file import PolicySource
from activities.locate import Locate
from workflows.errors import OrchestratorError
from workflows.ports import LocateInput, Location


def _policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("projects:\n  shop: {workspace: /srv/shop}\n  blog: {workspace: /srv/blog, host: far}\n")
    return path


@pytest.mark.parametrize(("project", "host"), [("shop", "near"), ("blog", "far")])
async def test_a_project_lives_on_its_host(tmp_path: Path, project: str, host: str) -> None:
    """The policy's host, or the worker's own."""
    locate = Locate(PolicySource(path=_policy(tmp_path)), host="near")
    found = await locate.locate(LocateInput(run_id="r", project=project))
    assert found == Location(project=project, task_queue=f"mm.orchestrator.{host}", host=host)


async def test_unknown_project_lists_the_configured(tmp_path: Path) -> None:
    """The operator reads what could be named."""
    locate = Locate(PolicySource(path=_policy(tmp_path)), host="near")
    for wanted in ("shpo", None):
        with pytest.raises(OrchestratorError, match="blog, shop") as caught:
            await locate.locate(LocateInput(run_id="r", project=wanted))
        assert caught.value.code == "unknown_project"


async def test_zero_configuration_needs_no_name(tmp_path: Path) -> None:
    """The implicit project is found without being named."""
    locate = Locate(PolicySource(project_dir=tmp_path, implicit_names=("demo",)), host="near")
    assert (await locate.locate(LocateInput(run_id="r"))).project == "demo"


async def test_a_broken_policy_is_the_answer(tmp_path: Path) -> None:
    """A malformed policy never becomes a missing project."""
    path = tmp_path / "policy.yaml"
    path.write_text("projects: [")
    with pytest.raises(OrchestratorError, match="policy_invalid"):
        await Locate(PolicySource(path=path), host="near").locate(LocateInput(run_id="r"))
