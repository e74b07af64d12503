"""How a service stands: broken for sure, proved healthy, or neither."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.models.snapshot import ContainerState
from workflows.standing import standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def container(**changes: object) -> ContainerState:
    """A container that has been running for an hour."""
    base = ContainerState(id="c1", name="shop-api-1", service="api", status="running", image_id="sha256:a",
                          started_at=NOW - timedelta(hours=1))  # fmt: skip
    return base.model_copy(update=changes)


CASES = [
    ("absent", (), 1, True, False),
    ("running without a check", (container(),), 1, False, False),
    ("healthy", (container(health="healthy"),), 1, False, True),
    ("starting", (container(health="starting"),), 1, False, False),
    ("unhealthy", (container(health="unhealthy"),), 1, True, False),
    ("exited", (container(status="exited", exit_code=1),), 1, True, False),
    ("restarting", (container(status="restarting", exit_code=3),), 1, True, False),
    ("between two crashes", (container(restart_count=4, started_at=NOW),), 1, True, False),
    ("an old restart", (container(restart_count=4),), 1, False, False),
    (
        "healthy after a crash",
        (container(restart_count=1, started_at=NOW, health="healthy"),),
        1,
        False,
        True,
    ),
    ("one replica of two", (container(health="healthy"),), 2, True, False),
    ("second replica down", (container(health="healthy"), container(status="exited")), 2, True, False),
]


@pytest.mark.parametrize(
    ("name", "containers", "wanted", "broken", "proved"), CASES, ids=[c[0] for c in CASES]
)
def test_standing(
    name: str, containers: tuple[ContainerState, ...], wanted: int, broken: bool, proved: bool
) -> None:
    """The worst replica decides, and the reason says what is wrong with it."""
    result = standing(containers, wanted=wanted, now=NOW)
    assert (result.broken, result.proved) == (broken, proved)
    assert result.reason
