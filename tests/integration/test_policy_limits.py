"""Preflight and patch on the real engine: windows, the circuit breaker, exceptions, joined namespaces."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.config_hashes import deployed_config_hash
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Journal
from activities.adapters.journal_history import runs_begun
from activities.adapters.state_dir import StateDir
from tests.conftest import ComposeFactory
from tests.integration.preflight_host import RUN_ID, PreflightHost
from tests.integration.state_rig import FILES as RIG_FILES
from tests.integration.state_rig import RUN, Rig
from workflows.allow_list import allowed
from workflows.errors import OrchestratorError
from workflows.models.plan import ActionPlan
from workflows.models.policy_rules import MaintenanceWindow, Permission
from workflows.ports import PatchInput, PatchResult

SLEEPER = 'command: ["sleep", "600"]\n    init: true\n    stop_grace_period: 1s\n'
COMPOSE = f"services:\n  api:\n    build: ./api\n    {SLEEPER}"
FILES = {"api/Dockerfile": "FROM python:3.13-slim\nCOPY . /src\n", "api/requirements.txt": "flask\n"}
REPAIR = "repair the missing dependency for the api service"
AFTER = b"flask\nredis\n"
SOON = timedelta(hours=1)

MakeHost = Callable[..., PreflightHost]


@pytest.fixture
def make_host(compose_project: ComposeFactory, tmp_path: Path) -> MakeHost:
    """``make_host(compose)``: a project on disk and a worker that looks at it."""

    def make(compose: str = COMPOSE) -> PreflightHost:
        sandbox = compose_project({**FILES, "compose.yaml": compose})
        return PreflightHost(sandbox, StateDir(tmp_path / "state"))

    return make


def _policy(service: str = "", rest: str = "") -> str:
    services = f"    services: {{api: {{{service}}}}}\n" if service else ""
    return f"projects:\n  {{name}}:\n    workspace: {{dir}}\n{services}{rest}"


def _override(what: str, until: datetime) -> str:
    fields = f"project: {{name}}, {what}, until: {until.isoformat()}, reason: the move, by: ada"
    return f"overrides:\n  - {{{fields}}}\n"


def _closed() -> str:
    """A window that opens in an hour."""
    opens = datetime.now(UTC) + SOON
    return f'maintenance_windows: [{{start: "{opens:%H:%M}", end: "{opens + SOON:%H:%M}"}}]'


async def _earlier_run(host: PreflightHost, run_id: str, ago: timedelta) -> None:
    """A run of this service that has ended, as its journal tells."""
    seen = await host.accept(REPAIR, plan_only=True)
    at = datetime.now(UTC) - ago
    host.journals.open(Journal(run_id=run_id, target=seen.target, snapshot=seen.snapshot, opened_at=at))
    guard = host.journals.guard(run_id, 1, 0)
    host.journals.settle(guard, by="report", outcome="succeeded")


class TestPreflight:
    """Refused before anything is touched."""

    async def test_the_circuit_breaker_counts_runs_of_the_last_day(self, make_host: MakeHost) -> None:
        """Those of this service, once each; older ones, other services and the run itself do not count."""
        host = make_host().with_policy(_policy("repairs_per_day: 2"))
        await _earlier_run(host, "first", timedelta(hours=25))
        await _earlier_run(host, "second", timedelta(hours=23))
        await _earlier_run(host, RUN_ID, timedelta(minutes=1))
        assert (await host.accept(REPAIR)).permission.repairs_per_day == 2
        await _earlier_run(host, "third", timedelta(hours=2))
        error = await host.refuse(REPAIR)
        assert error.code == "circuit_open"
        assert "2 runs changed service api" in error.message
        assert len(runs_begun(host.journals, host.sandbox.name, "worker", "")) == 0
        planned = await host.accept(REPAIR, plan_only=True)
        assert any("could not be carried out now" in warning for warning in planned.warnings)

    async def test_windows_and_exceptions_are_pinned(self, make_host: MakeHost) -> None:
        """Outside: refused. With an exception: permitted, said, and valid until its end."""
        host = make_host()
        closed = host.with_policy(_policy(_closed()))
        assert (await closed.refuse(REPAIR)).code == "outside_maintenance_window"
        assert (await closed.accept(REPAIR, plan_only=True)).permission.windows
        until = datetime.now(UTC) + SOON
        what = "allow: [api/conf/*.ini], ignore_maintenance_windows: true"
        result = await host.with_policy(_policy(_closed(), _override(what, until))).accept(REPAIR)
        assert result.permission == Permission(valid_until=until)
        assert allowed("api/conf/a.ini", result.target.allow)
        assert allowed("api/requirements.txt", result.target.allow)
        (warning,) = result.warnings
        assert "ada" in warning
        assert warning.endswith(": the move")

    async def test_an_exception_that_is_over_changes_nothing_but_is_said(self, make_host: MakeHost) -> None:
        """Nobody wonders why it no longer works."""
        until = datetime.now(UTC) - timedelta(seconds=1)
        host = make_host().with_policy(_policy("", _override("allow: [api/conf/*.ini]", until)))
        result = await host.accept(REPAIR)
        assert not allowed("api/conf/a.ini", result.target.allow)
        assert result.permission == Permission()
        assert "was ignored" in result.warnings[0]

    @pytest.mark.parametrize("mode", ["network_mode: service:api", "pid: service:api"])
    async def test_a_sidecar_in_the_services_namespaces(self, make_host: MakeHost, mode: str) -> None:
        """Refused by what the compose file says, whether it runs or not."""
        host = make_host(f"{COMPOSE}  side:\n    image: python:3.13-slim\n    {mode}\n    {SLEEPER}")
        error = await host.refuse(REPAIR)
        assert error.code == "shared_namespace"
        assert "side lives in a namespace of api" in error.message

    async def test_a_sidecar_that_names_the_container(self, make_host: MakeHost) -> None:
        """``container:NAME`` is the same thing by another name."""
        mode = "network_mode: container:nosuch-fixed-name"
        compose = COMPOSE.replace("build: ./api", "build: ./api\n    container_name: nosuch-fixed-name")
        host = make_host(f"{compose}  side:\n    image: python:3.13-slim\n    {mode}\n    {SLEEPER}")
        assert (await host.refuse(REPAIR)).code == "shared_namespace"

    async def test_services_of_the_same_image_are_known_and_said(self, make_host: MakeHost) -> None:
        """For what builds; a restart leaves the image as it is."""
        host = make_host(f"{COMPOSE}  side:\n    image: mmt-shared\n    {SLEEPER}".replace(
            "build: ./api", "build: ./api\n    image: mmt-shared:latest"))  # fmt: skip
        result = await host.accept(REPAIR)
        assert result.target.shares_image_with == ("side",)
        assert "side runs the image of api too" in result.warnings[0]


JOINED = [
    "network_mode: service:gate",
    "ipc: service:gate",
    "pid: service:gate",
    "volumes_from: [gate]",
    "volumes_from: ['gate:ro']",
    "volumes_from: ['container:{name}-gate-1:ro']",
    "network_mode: service:gate\n    volumes_from: ['gate:ro', other]\n    env_file: [api.env]",
]


@pytest.mark.parametrize("lines", JOINED)
async def test_the_hash_of_a_service_that_joins_others(make_host: MakeHost, lines: str) -> None:
    """As deployed it is no drift; an edit of the service is one, and so is a joined container made anew."""
    gate = f"  gate:\n    image: python:3.13-slim\n    ipc: shareable\n    volumes: [disk:/d]\n    {SLEEPER}"
    rest = f"{gate}{gate.replace('gate:', 'other:')}volumes: {{disk: {{}}}}\n"
    compose = f"{COMPOSE}{rest}".replace("build: ./api", f"build: ./api\n    {lines}")
    host = make_host(compose)
    compose = compose.replace("{name}", host.sandbox.name)
    host.sandbox.write("compose.yaml", compose)
    host.sandbox.write("api.env", "A=1\nPRICE='a$b'\n")
    host.sandbox.up("gate", "other")
    host.sandbox.up()
    result = await host.accept(REPAIR)
    assert {c.config_hash for c in result.snapshot.containers} == {result.target.config_hash}
    plain = await ComposeRunner(host.environment).config_hash(result.target.project, "api")
    assert plain != result.target.config_hash, "the plain hash would have done: this test shows nothing"
    engine = DockerEngine.from_environment(host.environment)
    project, compose_runner = result.target.project, ComposeRunner(host.environment)
    assert (
        await deployed_config_hash(compose_runner, engine, project, "gate")
        == (await engine.containers(project.name, "gate"))[0].config_hash
    )
    host.sandbox.write("compose.yaml", compose.replace("build: ./api", "build: ./api\n    hostname: x", 1)
                       if "network_mode" not in lines
                       else compose.replace("init: true", "init: false", 1))  # fmt: skip
    assert (await host.refuse(REPAIR)).code == "config_drift"


@pytest.fixture
async def rig(compose_project: ComposeFactory, tmp_path: Path) -> AsyncIterator[Rig]:
    """A project that is not started; patch writes its files all the same."""
    made = Rig(compose_project(RIG_FILES), tmp_path)
    yield made
    made.docker.client.close()


async def _patch(rig: Rig, permission: Permission, plan: ActionPlan | None = None) -> PatchResult:
    plan = plan or rig.plan({"api/requirements.txt": AFTER})
    job = PatchInput(run=rig.run(), target=rig.target, plan=plan.for_execution(), permission=permission)
    return await rig.patch_step.patch(job)


def _window_in(hours: int) -> MaintenanceWindow:
    opens = datetime.now(UTC) + timedelta(hours=hours)
    return MaintenanceWindow(start=f"{opens:%H:%M}", end=f"{opens + SOON:%H:%M}")


async def test_patch_asks_again_under_the_lock(rig: Rig) -> None:
    """Window closed, exception over, another run came first: nothing is written, no journal is opened."""
    before = rig.sandbox.checksums()
    over = datetime.now(UTC) - timedelta(seconds=1)
    other = Journal(
        run_id="other", target=rig.target, snapshot=await rig.docker.snapshot(rig.target), opened_at=over
    )
    rig.journals.open(other)
    rig.journals.settle(rig.journals.guard("other", 1, 0), by="report", outcome="succeeded")
    for permission, code in (
        (Permission(windows=(_window_in(3),)), "outside_maintenance_window"),
        (Permission(valid_until=over), "plan_drifted"),
        (Permission(repairs_per_day=1), "circuit_open"),
    ):
        with pytest.raises(OrchestratorError) as caught:
            await _patch(rig, permission)
        assert caught.value.code == code
        assert rig.journals.find(RUN) is None
        assert rig.sandbox.checksums() == before


async def test_patch_goes_on_where_everything_is_permitted(rig: Rig) -> None:
    """In the window, within the budget, before the end; a retry of what was begun is not asked again."""
    always = MaintenanceWindow(start="00:00", end="00:00")
    plan = rig.plan({"api/requirements.txt": AFTER})
    permission = Permission(windows=(always,), repairs_per_day=1, valid_until=datetime.now(UTC) + SOON)
    done = await _patch(rig, permission, plan)
    assert rig.bytes_of("api/requirements.txt") == AFTER
    over = Permission(windows=(_window_in(3),), valid_until=datetime.now(UTC) - SOON)
    assert (await _patch(rig, over, plan)).files == done.files
