"""A probe into a container whose process has just ended."""

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.health_watch import HealthWatch
from tests.unit.state_samples import target
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ContainerState
from workflows.models.verification import HttpProbe, ProbeResult, Vantage, Verification

PROBE = HttpProbe(url="http://127.0.0.1:8000/health", vantage=Vantage.TARGET)
CONTAINER = ContainerState(id="c1", name="shop-api-1", service="api", status="running", image_id="i", pid=7)


class Host:
    """Docker and prober in one: the process is ``pid`` now, and no namespace can be entered."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    async def container(self, _container_id: str) -> ContainerState:
        """As it is now."""
        return CONTAINER.model_copy(update={"pid": self.pid})

    async def probe(self, probe: HttpProbe, pid: int | None = None, _container_id: str = "") -> ProbeResult:
        """Refuses for a process, answers for none."""
        if pid:
            raise OrchestratorError("probe_unavailable", detail="no such process")
        return ProbeResult(
            at=datetime.now(UTC), check=probe.url, vantage=probe.vantage, ok=False, detail="not running"
        )


def watching(tmp_path: Any, pid: int, heard: list[ProbeResult]) -> HealthWatch:
    """A watch of one service on this host."""
    host: Any = Host(pid)
    rules = Verification(http=(PROBE,))
    return HealthWatch(host, host, target(tmp_path), rules, frozenset(), heard.append)


@pytest.mark.parametrize("pid", [0, 8])
async def test_a_process_that_ended_is_a_failed_probe(tmp_path: Any, pid: int) -> None:
    """The verdict is the crash's, which is evidence for the next round."""
    heard: list[ProbeResult] = []
    check = await watching(tmp_path, pid, heard)._probe(PROBE, CONTAINER)
    assert not check.ok
    assert [result.detail for result in heard] == ["not running"]


async def test_a_namespace_that_cannot_be_entered_is_said(tmp_path: Any) -> None:
    """The same process is still there: the worker may not, and no waiting helps."""
    with pytest.raises(OrchestratorError, match="probe_unavailable"):
        await watching(tmp_path, 7, [])._probe(PROBE, CONTAINER)
