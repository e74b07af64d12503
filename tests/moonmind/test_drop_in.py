"""MoonMind starts, observes, approves and cancels runs by type name, with its own client (DESIGN 6).

Nothing of this project can be imported there: the package ``workflows`` of that environment is another one.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

from tests.moonmind.environment import OLD_SERVER, MoonMind, moonmind_environment
from tests.workflow.real_server import town
from tests.workflow.scripted_host import GATE, ScriptedHost
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

SIDE = Path(__file__).with_name("moonmind_side.py")
MM_STATES = {
    "scheduled", "initializing", "waiting_on_dependencies", "planning", "awaiting_slot", "executing",
    "awaiting_external", "proposals", "finalizing", "no_commit", "completed", "failed", "canceled",
}  # fmt: skip


@dataclass(frozen=True)
class Played:
    """What MoonMind saw, and on which server."""

    story: dict[str, Any]
    server: str


@pytest.fixture(scope="module")
def moonmind() -> MoonMind:
    """MoonMind's environment."""
    return moonmind_environment()


@pytest.fixture(scope="module", params=["our server", "MoonMind's server"])
def played(request: pytest.FixtureRequest, moonmind: MoonMind) -> Played:
    """Its whole story, on a real server of our release and of the one it pins."""
    server = str(moonmind.old_server) if request.param == "MoonMind's server" else None
    return asyncio.run(_play(moonmind, server))


async def _play(moonmind: MoonMind, server: str | None) -> Played:
    async with town(ScriptedHost(gate=GATE), server) as place:
        environment = {
            "PATH": os.environ["PATH"],
            "TEMPORAL_ADDRESS": place.client.service_client.config.target_host,
        }
        process = await asyncio.create_subprocess_exec(
            str(moonmind.python), "-I", str(SIDE), env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, err.decode()[-3000:]
        info = await place.client.workflow_service.get_system_info(GetSystemInfoRequest())
        return Played(json.loads(out), info.server_version)


def test_the_environment_is_moonminds(played: Played, request: pytest.FixtureRequest) -> None:
    """Its versions, llama-index with its own `workflows`, and no way to import ours."""
    assert played.story["versions"]["temporalio"].startswith("1.31.")
    assert tuple(map(int, played.story["versions"]["pydantic"].split(".")[:2])) < (2, 14)
    assert played.story["llama_index"]
    assert "site-packages" in played.story["workflows"]
    assert played.story["ours_importable"] is False
    if "MoonMind's" in request.node.callspec.id:
        assert played.server == OLD_SERVER


def test_it_starts_and_sees_that_approval_is_awaited(played: Played) -> None:
    """Memo, search attributes and both queries while the run waits; a second start is the same run."""
    approved = played.story["approved"]
    assert approved["same_run"]
    waiting = approved["waiting"]
    assert waiting["status"] == "RUNNING"
    assert (waiting["memo"]["waiting_reason"], waiting["memo"]["attention_required"]) == ("approval", True)
    assert waiting["memo"]["title"]
    assert waiting["memo"]["input_ref"] == "art_1", "what MoonMind wrote itself stays"
    assert waiting["attributes"]["mm_state"] in MM_STATES
    assert (waiting["attributes"]["mm_owner_type"], waiting["attributes"]["mm_entry"]) == (
        "user",
        "orchestrator",
    )
    assert waiting["progress"]["awaitingExternal"] == 1
    assert [step["title"] for step in waiting["ledger"]["steps"]][:3] == ["preflight", "analyze", "plan"]


def test_its_approval_lets_the_run_go_on(played: Played) -> None:
    """By signal, with the plan's digest; the result is a RunRecord, the refs are there."""
    approved = played.story["approved"]
    record = RunRecord.model_validate(approved["result"])
    assert record.status is RunStatus.SUCCEEDED
    assert [(one.approver, one.verdict) for one in record.approvals] == [("alice", "approved")]
    ended = approved["ended"]
    assert (ended["status"], ended["attributes"]["mm_state"]) == ("COMPLETED", "completed")
    assert ended["memo"]["artifact_refs"] == [artifact.uri for artifact in record.artifacts]
    steps = {step["title"]: step for step in ended["ledger"]["steps"]}
    assert steps["verify"]["status"] == "completed"
    assert steps["build"]["artifacts"] == ["build.log"]
    assert ended["progress"]["executing"] == 0


def test_its_cancel_ends_the_run(played: Played) -> None:
    """Temporal's own cancellation; MoonMind reads `canceled`."""
    cancelled = played.story["cancelled"]
    assert cancelled["cause"] == "CancelledError"
    assert (cancelled["ended"]["status"], cancelled["ended"]["attributes"]["mm_state"]) == (
        "CANCELED",
        "canceled",
    )


EXAMPLE = Path(__file__).parents[2] / "deploy" / "contracts" / "example_client.py"


async def test_the_published_example_runs_there(moonmind: MoonMind) -> None:
    """About thirty lines, temporalio alone: it starts a run, tells each status and lists the evidence."""
    async with town(ScriptedHost()) as place:
        environment = {"TEMPORAL_ADDRESS": place.client.service_client.config.target_host}
        process = await asyncio.create_subprocess_exec(
            str(moonmind.python), "-I", str(EXAMPLE), "api", "repair missing dependency", env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()[-3000:]
    said = out.decode().splitlines()
    assert said[0].startswith("mm:")
    assert any(line.startswith("succeeded") for line in said)
    assert any(line.endswith("/verify.log") for line in said)
