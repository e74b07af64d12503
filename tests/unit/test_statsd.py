"""Metrics reach a real StatsD socket, and a dead one disturbs nobody (SPEC FR-012)."""

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest

from activities.adapters.statsd import Metrics
from tests.unit.state_samples import NOW
from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import RunStatus, StepName, StepStatus


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """A UDP socket where StatsD would listen."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(5)
        yield udp


def received(udp: socket.socket, count: int) -> set[str]:
    """So many packets, as text."""
    return {udp.recv(1024).decode() for _ in range(count)}


def step(name: StepName, status: StepStatus, seconds: float) -> StepRecord:
    """A step of that length."""
    return StepRecord(name=name, status=status, started_at=NOW, completed_at=NOW + timedelta(seconds=seconds))


async def test_a_run_tells_status_durations_and_steps(receiver: socket.socket) -> None:
    """Counters and timers in milliseconds, under the names MoonMind's dashboards read."""
    record = RunRecord(
        run_id="r", workflow_id="w", instruction="x", status=RunStatus.ROLLED_BACK, created_at=NOW,
        completed_at=NOW + timedelta(seconds=12),
        steps=(
            step(StepName.VERIFY, StepStatus.FAILED, 2.5),
            step(StepName.ROLLBACK, StepStatus.SUCCEEDED, 1),
            step(StepName.APPROVE, StepStatus.SKIPPED, 0),
            StepRecord(name=StepName.REPORT),
        ),
    )  # fmt: skip
    await Metrics("127.0.0.1", receiver.getsockname()[1]).run_ended(record)
    p = "moonmind.orchestrator"
    assert received(receiver, 9) == {
        f"{p}.runs.status.rolled_back:1|c",
        f"{p}.runs.duration.rolled_back:12000.000000|ms",
        f"{p}.steps.verify.started:1|c",
        f"{p}.steps.verify.failed:1|c",
        f"{p}.steps.verify.duration:2500.000000|ms",
        f"{p}.steps.rollback.started:1|c",
        f"{p}.steps.rollback.succeeded:1|c",
        f"{p}.steps.rollback.duration:1000.000000|ms",
        f"{p}.steps.approve.skipped:1|c",
    }


async def test_prefix_and_queue(receiver: socket.socket) -> None:
    """The configured prefix leads every series."""
    await Metrics("127.0.0.1", receiver.getsockname()[1], "mine").run_queued()
    assert received(receiver, 1) == {"mine.runs.queued:1|c"}


@pytest.mark.parametrize("host", [None, "no-such-host.invalid", "127.0.0.1"])
async def test_nobody_listening_is_fine(host: str | None) -> None:
    """No host, no such host, no listener: nothing raises."""
    await Metrics(host, 9).run_queued()
