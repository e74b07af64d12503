"""The one sentence that says which state a rollback has left; true in every case (I4)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.restoring.images import ServiceRestored
from activities.restoring.measuring import describe
from workflows.models.snapshot import ContainerState, ServiceSnapshot

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(**facts: Any) -> ServiceSnapshot:
    """A service with one container."""
    base = {"id": "i", "name": "api-1", "service": "api", "status": "running", "image_id": "sha256:old"}
    return ServiceSnapshot(
        service="api",
        image_ref="shop-api",
        image_id="sha256:old",
        containers=(ContainerState(**{**base, **facts}),),
        taken_at=T0,
    )


@pytest.mark.parametrize(
    ("before", "after", "done", "says"),
    [
        (snapshot(), snapshot(), ServiceRestored(), "api runs its previous image, never replaced."),
        (snapshot(), snapshot(), ServiceRestored(replaced=True), "api runs its previous image again."),
        (
            snapshot(health="healthy"),
            snapshot(health="healthy"),
            ServiceRestored(replaced=True),
            "api runs its previous image again and is healthy.",
        ),
        (
            snapshot(health="unhealthy"),
            snapshot(health="starting"),
            ServiceRestored(replaced=True),
            "api runs its previous image again: restored to its previous, unhealthy state.",
        ),
        (
            snapshot(status="restarting", restart_count=3),
            snapshot(status="restarting"),
            ServiceRestored(replaced=True),
            "api runs its previous image again: restored to its previous, unhealthy state.",
        ),
        (
            snapshot(health="starting"),
            snapshot(health="starting"),
            ServiceRestored(replaced=True),
            "api runs its previous image again: its health check had not decided before the run either.",
        ),
        (
            snapshot(),
            snapshot(image_id="sha256:re"),
            ServiceRestored(replaced=True, rebuilt=True),
            "api runs an image rebuilt from the restored files (rebuilt, not identical).",
        ),
        (
            snapshot(),
            snapshot(),
            ServiceRestored(replaced=True, rebuilt=True),
            "api runs an image rebuilt from the restored files (rebuilt, and identical).",
        ),
        (
            snapshot(),
            snapshot(id="other"),
            ServiceRestored(foreign=["container api-1 (it is new)"]),
            "api runs its previous image, where others changed: container api-1 (it is new).",
        ),
        (
            snapshot(status="exited"),
            snapshot(status="created"),
            ServiceRestored(),
            "api is stopped, as before.",
        ),
    ],
)
def test_the_state_in_one_sentence(
    before: ServiceSnapshot, after: ServiceSnapshot, done: ServiceRestored, says: str
):
    """Never healthier, never more identical, never less touched than it was measured to be."""
    assert describe(before, after, done) == says


def test_what_could_not_be_put_back_comes_first():
    """No word of a restored state where something is missing."""
    said = describe(snapshot(), snapshot(), ServiceRestored(), ("x is not as it was",))
    assert said == "Not everything could be put back: x is not as it was."
