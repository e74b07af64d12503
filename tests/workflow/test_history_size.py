"""However long logs, lists and messages are, a run's history stays small (DESIGN section 6)."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.workflow.real_server import town
from tests.workflow.scripted_host import GATE, ScriptedHost, artifact, finding
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.finding import Quote
from workflows.models.snapshot import ContainerState, NeighbourProof
from workflows.models.status import StepName
from workflows.models.token import CheckTokenInput, TokenChecked

pytestmark = pytest.mark.timeout(120)

LIMIT_BYTES = 200 * 1024
WORDS = "a very long message with many words in it, as a tool prints them " * 160
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def many(mark: str) -> tuple[str, ...]:
    """Forty warnings of ten thousand characters."""
    return tuple(f"{mark} {number} {WORDS}" for number in range(40))


class TalkativeHost(ScriptedHost):
    """Every round fails with a new cause, and everything it says is as long as it can be."""

    def _analyze(self, job: ports.AnalyzeInput) -> ports.AnalyzeResult:
        quotes = tuple(Quote(source="log of shop-api-1", line=n, text=WORDS) for n in range(8))
        found = tuple(
            finding(f"package-{job.run.round}-{number}").model_copy(
                update={"reason": WORDS, "quotes": quotes, "doubts": (WORDS,) * 5}
            )
            for number in range(3 if job.run.round == 1 else 1)
        )
        return ports.AnalyzeResult(
            healthy=False, findings=found, reason=WORDS, warnings=many("a"),
            artifacts=(artifact(f"analyze.{job.run.round}.log"),),
        )  # fmt: skip

    def _plan(self, job: ports.PlanInput) -> ports.PlanResult:
        made = super()._plan(job)
        long = {"diff": "+some-package==1.0.0\n" * 5000, "warnings": many("p"), "summary": WORDS}
        return made.model_copy(update={"plan": made.plan.model_copy(update=long)})

    def _verify(self, job: ports.VerifyInput) -> ports.VerifyResult:
        crashed = OrchestratorError("container_crashed", service="api", detail=WORDS)
        neighbours = tuple(
            ContainerState(id=f"{n:064x}", name=f"shop-{n}-1", service=f"s{n}", status="running",
                           image_id="sha256:" + "a" * 64, created_at=NOW, started_at=NOW)
            for n in range(60)
        )  # fmt: skip
        return ports.VerifyResult(
            failure=crashed.failure(StepName.VERIFY),
            neighbours=NeighbourProof(before=neighbours, after=neighbours, untouched=True),
            warnings=many(f"v{job.run.round}"),
            artifacts=(artifact("verify.log"),),
        )


async def test_five_rounds_of_long_words_make_a_small_history():
    """What is cut says where the whole is; what the next step acts on is never cut."""
    host = TalkativeHost()
    async with town(host) as on:
        handle = await on.start()
        await asyncio.wait_for(handle.result(), 90)
        record = await on.record(handle)
        history = await handle.fetch_history()
    size = sum(event.ByteSize() for event in history.events)
    print(f"five rounds: {size} bytes stored, {len(history.to_json())} as indented JSON")  # noqa: T201
    assert host.calls.count("verify") == 5
    assert size < LIMIT_BYTES
    assert record.neighbours is not None
    assert record.neighbours.omitted == 60
    assert record.plan is not None
    assert [name for found in record.plan.findings for name in found.names] == [
        *(f"package-1-{number}" for number in range(3)), *(f"package-{round_}-0" for round_ in range(2, 6)),
    ]  # fmt: skip
    assert any("in the artifacts" in warning for warning in record.warnings)
    assert "patch.diff" in record.plan.diff


class StrictHost(ScriptedHost):
    """Has seen every token before."""

    def _check_token(self, job: CheckTokenInput) -> TokenChecked:
        error = OrchestratorError("token_expired")
        return TokenChecked(code=error.code, message=error.message, approver="mallory")


async def test_fifty_bad_tokens_leave_a_small_history():
    """Each attempt is on record, and none makes the run too large to end."""
    host = StrictHost(gate=GATE)
    async with town(host) as on:
        handle = await on.start(requested_by="olga")
        await on.until(handle, "awaiting_approval")
        for number in range(50):
            attempt = {"token": f"eyJ{number:04d}.{'a' * 400}.{'b' * 86}", "comment": "no " * 50}
            await handle.signal("Approve", attempt)
        waiting = await on.record(handle)
        assert waiting.plan is not None
        no = {"approver": "alice", "reason": "no", "plan_digest": waiting.plan.digest}
        await handle.execute_update("Reject", no)
        await asyncio.wait_for(handle.result(), 60)
        record = await on.record(handle)
        history = await handle.fetch_history()
    size = sum(event.ByteSize() for event in history.events)
    print(f"fifty bad tokens: {size} bytes stored, {len(history.to_json())} as indented JSON")  # noqa: T201
    assert record.status == "rejected"
    assert size < LIMIT_BYTES
