"""REVALIDATE and RECORD_APPROVALS on real files: what drifts is named, every attempt is stored."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.policy_file import PolicySource
from activities.adapters.state_dir import PlanStore, StateDir
from activities.approve import ApprovalRecord, RecordApprovals, Revalidate
from workflows.models.approval import Approval, Verdict
from workflows.models.artifact import ArtifactState
from workflows.models.plan import ActionPlan, BuildStep, PatchStep
from workflows.models.policy import ApprovalGate
from workflows.models.target import ComposeProject, Target
from workflows.ports import RecordApprovalsInput, RevalidateInput, RunRef

RUN = RunRef(run_id="run-1", workflow_id="mm:1")
DIFF = b"--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1 +1,2 @@\n flask\n+redis\n"
POLICY = "projects:\n  shop:\n    workspace: {dir}\n"


class Undeployed:
    """No container yet, and the compose file as it was; what really drifts is measured on real parts."""

    async def containers(self, *_: str) -> tuple[()]:
        """Docker's part."""
        return ()

    async def config_hash(self, *_: object) -> str:
        """Compose's part."""
        return ""


@dataclass(frozen=True)
class Waiting:
    """A plan that waits, and everything it was made from."""

    workspace: Path
    policy: Path
    state: StateDir
    plan: ActionPlan
    pinned: str

    async def drift(self) -> tuple[str, ...]:
        """What the activity finds."""
        call = ComposeProject(name="shop", working_dir=str(self.workspace), config_files=())
        target = Target(
            project=call, service="api", image="shop-api", workspace=str(self.workspace), allow=("*.txt",)
        )
        host: Any = Undeployed()
        step = Revalidate(PolicySource(path=self.policy), PlanStore(self.state), host, host)
        job = RevalidateInput(run=RUN, target=target, plan=self.plan, policy_digest=self.pinned)
        return (await step.revalidate(job)).drift


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    """A plan for one file that exists and one that does not."""
    workspace = tmp_path / "shop"
    workspace.mkdir()
    (workspace / "requirements.txt").write_bytes(b"flask\n")
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.format(dir=workspace))
    state = StateDir(tmp_path / "state")
    base = {"requirements.txt": hashlib.sha256(b"flask\n").hexdigest(), "constraints.txt": None}
    pinned = PolicySource(path=policy).policy().digest
    plan = ActionPlan(
        project="shop", service="api", summary="add redis", base_hashes=base, policy_digest=pinned,
        steps=(PatchStep(files=("requirements.txt",)), BuildStep(image="shop-api")),
        diff_sha256=hashlib.sha256(DIFF).hexdigest(), after_hashes={"requirements.txt": "0" * 64},
    )  # fmt: skip
    plan = plan.model_copy(update={"digest": plan.compute_digest()})
    PlanStore(state).write(RUN.run_id, plan.digest, DIFF)
    return Waiting(workspace, policy, state, plan, pinned)


async def test_nothing_drifted(waiting: Waiting) -> None:
    """SPEC edge case: approval received mid-run; earlier steps need not run again."""
    assert await waiting.drift() == ()


def _stored_diff(waiting: Waiting) -> Path:
    return waiting.state.plan_dir(RUN.run_id, waiting.plan.digest) / "patch.diff"


def _replace_by_link(waiting: Waiting) -> None:
    (waiting.workspace / "requirements.txt").unlink()
    (waiting.workspace / "requirements.txt").symlink_to("/etc/hostname")


def _lower_a_limit(waiting: Waiting) -> None:
    waiting.policy.write_text(waiting.policy.read_text() + "limits: {max_rounds: 2}\n")


DRIFTS: list[tuple[str, Callable[[Waiting], object], str]] = [
    ("edited", lambda w: (w.workspace / "requirements.txt").write_bytes(b"x"), "requirements.txt was"),
    ("removed", lambda w: (w.workspace / "requirements.txt").unlink(), "requirements.txt was changed"),
    ("appeared", lambda w: (w.workspace / "constraints.txt").write_bytes(b""), "constraints.txt was changed"),
    ("linked", _replace_by_link, "requirements.txt: "),
    ("policy changed", _lower_a_limit, "policy was changed"),
    ("policy broken", lambda w: w.policy.write_text("projects: ["), "policy cannot be read"),
    ("policy gone", lambda w: w.policy.unlink(), "policy cannot be read"),
    ("diff changed", lambda w: _stored_diff(w).write_bytes(DIFF + b"+evil\n"), "stored diff"),
    ("diff gone", lambda w: _stored_diff(w).unlink(), "stored diff"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "says"), [row[1:] for row in DRIFTS], ids=[row[0] for row in DRIFTS])
async def test_each_drift_is_named(waiting: Waiting, change: Callable[[Waiting], object], says: str) -> None:
    """One change, one reason; the run then makes a new plan that needs a new approval (I2)."""
    change(waiting)
    drift = await waiting.drift()
    assert len(drift) == 1
    assert says in drift[0]


async def test_a_plan_altered_after_its_digest(waiting: Waiting) -> None:
    """The digest is what was approved, so the plan must still have it."""
    altered = waiting.plan.model_copy(update={"service": "worker"})
    changed = Waiting(waiting.workspace, waiting.policy, waiting.state, altered, waiting.pinned)
    assert await changed.drift() == ("the plan does not have its digest",)


async def test_a_plan_without_files_needs_no_stored_diff(waiting: Waiting) -> None:
    """A restart that waits for approval has nothing to patch."""
    plan = waiting.plan.model_copy(update={"base_hashes": {}, "after_hashes": {}})
    plan = plan.model_copy(update={"digest": plan.compute_digest()})
    assert await Waiting(waiting.workspace, waiting.policy, waiting.state, plan, waiting.pinned).drift() == ()


async def test_every_attempt_is_stored(waiting: Waiting) -> None:
    """FR-009: approver, time and verdict, refusals included; free text is masked (I5)."""
    at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    said = "password=hunter2horse"
    approvals = (
        Approval(verdict=Verdict.REFUSED, approver="eve", at=at, code="self_approval", message="no"),
        Approval(verdict=Verdict.APPROVED, approver="ada", roles=("sre",), at=at, comment=said),
    )
    store = ArtifactStore.in_state_dir(waiting.state)
    gate = ApprovalGate(protected=True, approver_roles=("sre",), identities={"ada": ("sre",)})
    job = RecordApprovalsInput(run=RUN, gate=gate, plan=waiting.plan, approvals=approvals)
    (artifact,) = (await RecordApprovals(store).record_approvals(job)).artifacts
    assert (artifact.name, artifact.state) == ("approval.json", ArtifactState.STORED)
    data = await store.read(artifact)
    assert b"hunter2horse" not in data
    stored = ApprovalRecord.model_validate_json(data)
    assert stored.plan_digest == waiting.plan.digest
    assert stored.gate == gate
    assert [a.verdict for a in stored.approvals] == [Verdict.REFUSED, Verdict.APPROVED]
    assert json.loads(data)["approvals"][1]["at"] == "2030-01-02T03:04:05Z"


async def test_a_later_round_has_its_own_artifact(waiting: Waiting) -> None:
    """Rounds do not overwrite each other's evidence."""
    store = ArtifactStore.in_state_dir(waiting.state)
    run = RUN.model_copy(update={"round": 2})
    job = RecordApprovalsInput(run=run, gate=ApprovalGate(), plan=waiting.plan, approvals=())
    (artifact,) = (await RecordApprovals(store).record_approvals(job)).artifacts
    assert artifact.name == "approval.2.json"
