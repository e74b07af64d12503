"""Journals and targets for the tests of the state adapters."""

from datetime import UTC, datetime
from pathlib import Path

from activities.adapters.journal import Journal
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.target import ComposeProject, Target

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def target(workspace: Path, *allow: str, project: str = "shop") -> Target:
    """A target whose files lie in ``workspace``; everything is allowed unless said otherwise."""
    return Target(
        project=ComposeProject(name=project, working_dir=str(workspace), config_files=("compose.yaml",)),
        service="api",
        image="shop-api",
        workspace=str(workspace),
        allow=allow or ("**",),
    )


def journal(workspace: Path, run_id: str = "run-1", project: str = "shop", generation: int = 1) -> Journal:
    """A journal as it is when it was just opened."""
    return Journal(
        run_id=run_id,
        generation=generation,
        target=target(workspace, project=project),
        snapshot=ServiceSnapshot(service="api", image_ref="shop-api", taken_at=NOW),
        opened_at=NOW,
    )
