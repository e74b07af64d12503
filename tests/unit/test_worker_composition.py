"""The wiring: every port has exactly one implementation, of exactly the port's types."""

import inspect
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from temporalio import activity

from activities.adapters.state_dir import StateDir
from activities.adapters.temporal_runs import TemporalRuns
from worker.composition import bind, bind_temporal, build_adapters, compose, compose_embedded
from worker.settings import WorkerSettings
from worker.workers import Activity
from workflows.errors import OrchestratorError
from workflows.options import ROWS
from workflows.ports import LOCATE, PORTS, Port

DOWN = {"DOCKER_HOST": "unix:///no/such/docker.sock", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    """Settings with a state directory of their own."""
    return WorkerSettings(configured_state_dir=tmp_path / "state")


@pytest.fixture
async def bound(settings: WorkerSettings) -> dict[str, Activity]:
    """All activities, wired on adapters that have not been used."""
    adapters = await build_adapters(settings, StateDir(settings.state_dir), None, DOWN)
    asking = bind_temporal(TemporalRuns(None, "mm.orchestrator"))  # type: ignore[arg-type] - never asked
    return {**bind(adapters, "testhost", "mm.orchestrator"), **asking}


def test_every_port_is_bound_once(bound: dict[str, Activity]) -> None:
    """No port without a step, no step without a port."""
    assert sorted(bound) == sorted(port.name for port in PORTS)
    assert len({run.__qualname__ for run in bound.values()}) == len(PORTS)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
def test_an_implementation_has_its_ports_name_and_types(
    bound: dict[str, Activity], port: "Port[Any, Any]"
) -> None:
    """What the workflow sends is what the activity takes, and the other way round."""
    implementation = bound[port.name]
    definition = activity._Definition.must_from_callable(implementation)
    assert definition.name == port.name
    hints = get_type_hints(implementation)
    assert hints.pop("return") is port.gives
    assert list(hints.values()) == [port.takes]
    assert inspect.iscoroutinefunction(implementation)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
def test_a_step_stands_on_adapters_of_the_declared_types(
    bound: dict[str, Activity], port: "Port[Any, Any]"
) -> None:
    """Two adapters that changed places would be found by the first run otherwise."""
    step = bound[port.name].__self__  # type: ignore[attr-defined]
    for name, kind in get_type_hints(type(step)).items():
        if isinstance(kind, type):  # a parameter that is a callable has no type to look at
            assert isinstance(getattr(step, name), kind) or name == "runs", name


def test_every_port_has_its_row_of_options() -> None:
    """No timeout stands inline anywhere."""
    assert sorted(ROWS) == sorted(port.name for port in PORTS)


async def test_without_docker_the_production_worker_does_not_guess_its_name(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's hostname changes; runs would wait on a queue that nobody serves."""
    monkeypatch.setenv("DOCKER_HOST", DOWN["DOCKER_HOST"])
    state = StateDir(settings.state_dir)
    with pytest.raises(OrchestratorError, match="docker_unavailable"):
        await compose(settings, state, None)
    named = settings.model_copy(update={"host": "rack 7"})
    assert (await compose(named, state, None)).host == "rack-7"


async def test_without_docker_the_embedded_worker_starts_all_the_same(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The run itself then says that Docker is missing."""
    monkeypatch.setenv("DOCKER_HOST", DOWN["DOCKER_HOST"])
    wiring = await compose_embedded(settings, StateDir(settings.state_dir), tmp_path)
    assert wiring.host
    assert sorted(wiring.activities) == sorted(p.name for p in PORTS if p.on_host or p is LOCATE)
