"""A Docker daemon that goes away in the middle of a run is no fault of the project's files."""

import os
from pathlib import Path

import pytest

from activities.adapters.compose_runner import ComposeRunner
from workflows.errors import OrchestratorError
from workflows.models.target import ComposeProject


async def test_a_question_that_no_daemon_answers_is_asked_again(tmp_path: Path) -> None:
    """``docker_unavailable`` is retryable; ``compose_invalid`` would undo a repair, or blame a neighbour."""
    (tmp_path / "compose.yaml").write_text("services: {api: {image: some-image}}\n")
    project = ComposeProject(
        name="away", working_dir=str(tmp_path), config_files=(str(tmp_path / "compose.yaml"),)
    )
    gone = {"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    with pytest.raises(OrchestratorError, match="Cannot connect to the Docker daemon") as caught:
        await ComposeRunner(gone).dry_run_changes(project)
    assert (caught.value.code, caught.value.retryable) == ("docker_unavailable", True)
