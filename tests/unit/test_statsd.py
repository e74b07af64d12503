"""Numbers reach a real StatsD socket, and a dead, unknown or slow one disturbs nobody (SPEC FR-012)."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from activities.adapters import series
from activities.adapters.counted import Counted
from activities.adapters.measuring import Metrics, StepTold
from activities.adapters.state_dir import StateDir
from activities.adapters.statsd import QUEUED, StatsD
from tests.unit.told_numbers import Told, rolled_back, step
from worker.composition import build_adapters
from worker.settings import load_settings
from workflows.models.status import RunStatus, StepName, StepStatus

P = "moonmind.orchestrator"


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """A UDP socket where StatsD would listen."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(5)
        yield udp


def received(udp: socket.socket, count: int) -> set[str]:
    """So many packets, as text; a further one would be one too many."""
    packets = [udp.recv(1024).decode() for _ in range(count)]
    udp.settimeout(0)
    with pytest.raises(BlockingIOError):
        udp.recv(1024)
    udp.settimeout(5)
    assert len(set(packets)) == count
    return set(packets)


def sending_to(receiver: socket.socket, counted: Counted | None = None) -> Metrics:
    """Metrics that go to the receiver."""
    return Metrics((StatsD("127.0.0.1", receiver.getsockname()[1]),), counted)


async def test_a_run_tells_status_durations_and_steps(receiver: socket.socket) -> None:
    """Counters and timers in milliseconds, under the names MoonMind's dashboards read."""
    metrics = sending_to(receiver)
    await metrics.run_ended(rolled_back())
    await metrics.flush(5)
    assert received(receiver, 9) == {
        f"{P}.runs.status.rolled_back:1|c",
        f"{P}.runs.duration.rolled_back:12000.000000|ms",
        f"{P}.steps.verify.started:1|c",
        f"{P}.steps.verify.failed:1|c",
        f"{P}.steps.verify.duration:2500.000000|ms",
        f"{P}.steps.rollback.started:1|c",
        f"{P}.steps.rollback.succeeded:1|c",
        f"{P}.steps.rollback.duration:1000.000000|ms",
        f"{P}.steps.approve.skipped:1|c",
    }


async def test_prefix_and_queue(receiver: socket.socket) -> None:
    """The configured prefix leads every series; a run is accepted with its first step."""
    metrics = Metrics((StatsD("127.0.0.1", receiver.getsockname()[1], "mine"),))
    await metrics.step_started(StepTold("r", StepName.PREFLIGHT, 1, "p"))
    await metrics.flush(5)
    assert received(receiver, 2) == {"mine.runs.queued:1|c", "mine.steps.preflight.started:1|c"}


async def test_steps_tell_at_once_and_the_report_only_what_is_missing(tmp_path: Path) -> None:
    """A retried attempt, a second report and a later ``recover`` add nothing (also in another process)."""
    told, state = Told(), StateDir(tmp_path / "state")

    def process() -> Metrics:
        return Metrics((told,), Counted(state))

    verify = StepTold("r", StepName.VERIFY, 1, "wf-7")
    await process().step_started(verify)
    assert told.counted == ["steps.verify.started"]
    await process().step_started(verify)  # the next attempt
    await process().step_ended(verify, StepStatus.FAILED, 3.0)
    for recovered in (False, False, True):
        await process().run_ended(rolled_back(), recovered=recovered)
    assert sorted(told.counted) == sorted(
        [
            "steps.verify.started", "steps.verify.failed", "steps.rollback.started",
            "steps.rollback.succeeded", "steps.approve.skipped", "runs.status.rolled_back", "runs.recovered",
        ]
    )  # fmt: skip
    assert told.timed["steps.verify.duration"] == 3.0
    other = rolled_back("other")
    await process().run_ended(other)
    assert told.counted.count("runs.status.rolled_back") == 2


async def test_a_repair_is_measured_from_patch_to_proof() -> None:
    """SC-001's time, only of runs that repaired something."""
    told = Told()
    steps = (step(StepName.PATCH, StepStatus.SUCCEEDED, 1), step(StepName.VERIFY, StepStatus.SUCCEEDED, 40))
    good = rolled_back().model_copy(update={"status": RunStatus.SUCCEEDED, "steps": steps, "rounds": 1})
    await Metrics((told,)).run_ended(good)
    assert told.timed["repairs.duration"] == 40
    told.timed.clear()
    await Metrics((told,)).run_ended(good.model_copy(update={"rounds": 0, "run_id": "s"}))
    await Metrics((told,)).run_ended(rolled_back())
    assert "repairs.duration" not in told.timed


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1"])
async def test_nobody_listening_is_fine(host: str) -> None:
    """No such host, no listener: nothing raises, and what was told leaves the queue."""
    sink = StatsD(host, 9)
    await Metrics((sink,)).run_ended(rolled_back())
    await asyncio.to_thread(sink.flush, 30)
    assert sink._waiting.empty()


async def test_a_name_that_is_looked_up_for_ever_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything returns while the resolver still hangs, memory stays bounded, the process could end."""
    hanging, answered = threading.Event(), threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        hanging.set()
        answered.wait(30)
        raise socket.gaierror("late")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    sink = StatsD("statsd.example", 8125)
    metrics = Metrics((sink,))
    for _ in range(3 * QUEUED):
        metrics.count(series.RUNS_QUEUED)
    await metrics.run_ended(rolled_back())
    assert await asyncio.to_thread(hanging.wait, 5)
    await metrics.flush(0.01)
    assert not answered.is_set()
    assert sink._waiting.qsize() <= QUEUED
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "statsd")
    answered.set()


PRECEDENCE = [
    ({"STATSD_HOST": "c", "STATSD_PORT": "3"}, ("c", 3)),
    ({"STATSD_HOST": "c", "SPEC_WORKFLOW_METRICS_HOST": "b"}, ("b", 8125)),
    ({"STATSD_HOST": "c", "SPEC_WORKFLOW_METRICS_HOST": "b", "ORCHESTRATOR_STATSD_HOST": "a"}, ("a", 8125)),
    ({"ORCHESTRATOR_STATSD_HOST": "", "ORCHESTRATOR_STATSD_PORT": "", "STATSD_HOST": "c"}, ("c", 8125)),
    ({"STATSD_HOST": "c", "SPEC_WORKFLOW_METRICS_ENABLED": "false"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("variables", "expected"), PRECEDENCE)
async def test_which_variable_counts(
    variables: dict[str, str], expected: tuple[str, int] | None,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    """The orchestrator's own, then MoonMind's, then the usual ones; an empty one counts as unset."""
    for name in ("ORCHESTRATOR_STATSD_", "SPEC_WORKFLOW_METRICS_", "STATSD_"):
        monkeypatch.delenv(f"{name}HOST", raising=False)
        monkeypatch.delenv(f"{name}PORT", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    adapters = await build_adapters(load_settings(), StateDir(tmp_path / "state"), None, {})
    sinks = [(s.host, s.port, s.prefix) for s in adapters.metrics.sinks if isinstance(s, StatsD)]
    assert sinks == ([(*expected, P)] if expected else [])


def test_a_label_cannot_break_a_name_apart() -> None:
    """A host's name may hold dots and colons; both mean something to StatsD."""
    assert series.WORKER_UP.statsd("rack.7:x|c") == "hosts.rack_7_x_c.up"
