"""The embedded stack on the real server: it starts, serves, keeps its state, and leaves nothing behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, RemoveSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus

from starter.address import DEFAULT_ADDRESS, live_stack, resolve_address
from tests.integration.embedded_parts import run_ping, settings_in, wire_ping
from worker.embedded import DEV, embedded_stack
from worker.search_attributes import register_search_attributes
from workflows.errors import OrchestratorError

ROOT = Path(__file__).parents[2]


def server_processes(state: Path) -> list[int]:
    """Ids of all processes whose command line names this state directory's database."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(state / "temporal" / "server.db").encode() in command:
                found.append(int(entry.name))
    return found


def wait_until_none(state: Path, seconds: float = 60.0) -> list[int]:
    """The server processes still there after at most this long."""
    deadline = time.monotonic() + seconds
    while (found := server_processes(state)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@contextmanager
def another_process(state: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that has a stack open on this state directory."""
    command = [sys.executable, "-m", "tests.integration.embedded_parts", str(state)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "pong" in process.stdout.readline()
            yield process
        finally:
            process.kill()


async def test_serves_and_leaves_nothing_running(tmp_path: Path) -> None:
    """A run goes through both queues; afterwards no process, no lock and no dev.json remain."""
    settings = settings_in(tmp_path / "state")
    async with embedded_stack(settings, wire_ping) as stack:
        assert await run_ping(stack.client, "one") == "located x, pong x on mm.orchestrator.testhost"
        assert server_processes(settings.state_dir)
        assert stack.about.address.startswith("127.0.0.1:")
    assert server_processes(settings.state_dir) == []
    assert live_stack(settings.state_dir) is None
    assert not (settings.state_dir / "dev.json").exists()
    assert list((settings.state_dir / "children").iterdir()) == []


async def test_state_is_kept_between_starts(tmp_path: Path) -> None:
    """A finished run can be read after a restart, and finished runs are kept for 30 days."""
    settings = settings_in(tmp_path / "state")
    async with embedded_stack(settings, wire_ping) as stack:
        await run_ping(stack.client, "kept")
    async with embedded_stack(settings, wire_ping) as stack:
        description = await stack.client.get_workflow_handle("kept").describe()
        assert description.status is WorkflowExecutionStatus.COMPLETED
        namespace = await stack.client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="default")
        )
        assert namespace.config.workflow_execution_retention_ttl.ToTimedelta().days == 30


async def test_a_client_finds_a_running_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TEMPORAL_ADDRESS first, then the running stack, then localhost:7233."""
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    settings = settings_in(tmp_path / "state")
    assert resolve_address(settings) == DEFAULT_ADDRESS
    async with embedded_stack(settings, wire_ping, command=DEV) as stack:
        assert resolve_address(settings) == stack.about.address
        assert live_stack(settings.state_dir) == stack.about
        elsewhere = settings.model_copy(update={"temporal_address": "temporal:7233"})
        assert resolve_address(elsewhere) == "temporal:7233"
    assert resolve_address(settings) == DEFAULT_ADDRESS


async def test_a_second_stack_is_refused_and_told_who_holds_the_first(tmp_path: Path) -> None:
    """``state_dir_busy`` names process and command; the first one goes on."""
    settings = settings_in(tmp_path / "state")
    async with embedded_stack(settings, wire_ping, command=DEV) as stack:
        with pytest.raises(OrchestratorError) as caught:
            async with embedded_stack(settings, wire_ping):
                pytest.fail("a second stack started")
        assert caught.value.code == "state_dir_busy"
        assert str(os.getpid()) in caught.value.message
        assert "mm-orchestrator dev" in caught.value.message
        assert "pong" in await run_ping(stack.client, "still")


async def test_sigkill_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    """After a SIGKILL of the owner the server is gone, dev.json counts for nothing, the state is whole."""
    settings = settings_in(tmp_path / "state")
    with another_process(settings.state_dir) as process:
        assert live_stack(settings.state_dir) is not None
        process.kill()
        process.wait()
        assert await asyncio.to_thread(wait_until_none, settings.state_dir) == []
    assert live_stack(settings.state_dir) is None
    async with embedded_stack(settings, wire_ping) as stack:
        description = await stack.client.get_workflow_handle("held").describe()
        assert description.status is WorkflowExecutionStatus.COMPLETED


async def test_ctrl_c_in_the_terminal_does_not_reach_the_server(tmp_path: Path) -> None:
    """The server is in no process group of ours, so that a rollback can still run after Ctrl-C."""
    state = tmp_path / "state"
    with another_process(state) as process:
        groups = {os.getpgid(pid) for pid in server_processes(state)}
        assert groups
        assert os.getpgid(process.pid) not in groups
        os.killpg(process.pid, signal.SIGINT)
        await asyncio.to_thread(process.wait, 30)
        assert await asyncio.to_thread(wait_until_none, state) == []


async def test_a_server_that_dies_interrupts_the_work(tmp_path: Path) -> None:
    """The body is cancelled and ``embedded_failed`` names the log, instead of waiting for ever."""
    settings = settings_in(tmp_path / "state")

    async def work_until_interrupted() -> None:
        async with asyncio.timeout(60), embedded_stack(settings, wire_ping) as stack:
            await run_ping(stack.client, "before")
            for pid in server_processes(settings.state_dir):
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(30)

    with pytest.raises(OrchestratorError) as caught:
        await work_until_interrupted()
    assert caught.value.code == "embedded_failed"
    assert "server.log" in caught.value.message


async def test_taken_ports_are_stepped_around(tmp_path: Path) -> None:
    """Where the usual ports are taken, free ones on loopback serve as well."""
    with ExitStack() as taken:
        for port in (7233, 8233):
            listener = taken.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen()
            except OSError:  # somebody else on this machine has it already: as good
                continue
        async with embedded_stack(settings_in(tmp_path / "state"), wire_ping) as stack:
            assert not stack.about.address.endswith(":7233")
            assert "pong" in await run_ping(stack.client, "elsewhere")


async def test_a_broken_database_is_told_with_the_log(tmp_path: Path) -> None:
    """``embedded_failed`` quotes the server, and no process stays."""
    settings = settings_in(tmp_path / "state")
    database = settings.state_dir / "temporal" / "server.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"this is no database" * 100)
    with pytest.raises(OrchestratorError) as caught:
        async with embedded_stack(settings, wire_ping):
            pytest.fail("it started on a broken database")
    assert caught.value.code == "embedded_failed"
    assert "not a database" in caught.value.message
    assert server_processes(settings.state_dir) == []


async def test_a_state_directory_inside_the_project_is_refused(tmp_path: Path) -> None:
    """It would ship real file contents with a build."""
    with pytest.raises(OrchestratorError, match="state_dir_invalid"):
        async with embedded_stack(settings_in(tmp_path / "state"), wire_ping, project_dir=tmp_path):
            pytest.fail("it started")


async def replace_attribute(client: Client, name: str, kind: "IndexedValueType.ValueType") -> None:
    """Give an attribute another type, as another installation may have it."""
    operator = client.operator_service
    await operator.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace="default", search_attributes=[name])
    )
    await operator.add_search_attributes(
        AddSearchAttributesRequest(namespace="default", search_attributes={name: kind})
    )


async def test_search_attributes_are_registered_and_never_retyped(tmp_path: Path) -> None:
    """All MoonMind names exist; one of another type is reported and left alone."""
    async with embedded_stack(settings_in(tmp_path / "state"), wire_ping) as stack:
        assert stack.warnings == ()
        await replace_attribute(stack.client, "mm_updated_at", IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
        await stack.client.operator_service.remove_search_attributes(
            RemoveSearchAttributesRequest(namespace="default", search_attributes=["mm_repo"])
        )
        (warning,) = await register_search_attributes(stack.client)
        assert "mm_updated_at is registered as Keyword" in warning
        assert await register_search_attributes(stack.client) == (warning,)


async def test_a_namespace_that_cannot_take_a_runs_state_is_refused(tmp_path: Path) -> None:
    """A run there would never get past its first workflow task (I4)."""
    async with embedded_stack(settings_in(tmp_path / "state"), wire_ping) as stack:
        await replace_attribute(stack.client, "mm_state", IndexedValueType.INDEXED_VALUE_TYPE_INT)
        with pytest.raises(OrchestratorError) as caught:
            await register_search_attributes(stack.client)
        assert caught.value.code == "search_attributes_unusable"
        assert "mm_state is registered as Int" in caught.value.message
