"""What this host itself measured, planned and saw approved: its steps take nobody's word for it (I1, I2).

The lifecycle runs in a workflow, and whoever may poll its task queue could have a host's steps do other
things than preflight measured, or leave an approval out. So the host keeps, beside each run's plans and
private as those are, what its own preflight answered, what its own plan step risks, and which signed
approvals its own check let pass. A step that is told otherwise refuses before it does anything.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from activities.adapters.durable import make_directory, remove_durably, write_durably
from activities.adapters.state_dir import StateDir, safe_name
from workflows import ports
from workflows.approval_gate import enough_until, same_person
from workflows.errors import OrchestratorError
from workflows.models.base import Model
from workflows.models.plan import ActionPlan
from workflows.models.policy import Trust
from workflows.models.token import Act, CheckTokenInput, TokenChecked
from workflows.risk import approvers

M = TypeVar("M", bound=Model)

PINNED: Final = (
    "target", "intent", "limits", "verification", "policy_digest", "permission", "may_ask_llm",
)  # fmt: skip
"""What preflight answers and later steps are handed: it must reach them as it was."""


class Measured(Model):
    """What preflight answered, and whose request it was."""

    result: ports.PreflightResult
    requested_by: str | None = None


class Planned(Model):
    """A plan that was made here, and why it needs an approval although its service may not be protected."""

    digest: str
    risks: tuple[str, ...] = ()


class Seen(Model):
    """One signed approval that was checked here."""

    approver: str
    at: datetime


@dataclass(frozen=True)
class Witness:
    """The memory of one Docker host."""

    state: StateDir
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def measured(self, job: ports.PreflightInput, result: ports.PreflightResult) -> None:
        """Remember; approvals of what was measured before do not count any more.

        Raises:
            OrchestratorError: ``write_failed``.
        """
        for old in self._run(job.run.run_id).glob("*/approval-*.json"):
            remove_durably(old)
        pin = Measured(result=result, requested_by=job.request.requested_by)
        self._write(self._run(job.run.run_id) / "measured.json", pin)

    def planned(self, job: ports.PlanInput, result: ports.PlanResult) -> None:
        """Remember a plan and its risks.

        Raises:
            OrchestratorError: ``write_failed``.
        """
        plan = Planned(digest=result.plan.digest, risks=result.risks)
        self._write(self._plan(job.run.run_id, plan.digest) / "planned.json", plan)

    def checked(self, job: CheckTokenInput, answer: TokenChecked) -> None:
        """Remember a genuine approval; anything else is no approval.

        Raises:
            OrchestratorError: ``write_failed``.
        """
        if answer.code is not None or answer.approver is None or job.act is not Act.APPROVE:
            return
        name = hashlib.sha256(answer.approver.encode()).hexdigest()[:32]
        seen = Seen(approver=answer.approver, at=self.now())
        self._write(self._plan(job.run_id, job.plan_digest) / f"approval-{name}.json", seen)

    def require_measured(self, run_id: str, job: Model) -> None:
        """Refuse a step whose order speaks of something else than preflight measured here.

        Raises:
            OrchestratorError: ``not_as_measured``.
        """
        pin = self._read(self._run(run_id) / "measured.json", Measured)
        if pin is None:
            raise OrchestratorError("not_as_measured", detail="no preflight of this run was made here")
        handed = [name for name in PINNED if name in type(job).model_fields]
        wrong: list[str] = [name for name in handed if getattr(job, name) != getattr(pin.result, name)]
        rules = pin.result.gate.requires_approval_when
        if isinstance(job, ports.PlanInput) and job.requires_approval_when != rules:
            wrong.append("requires_approval_when")
        if wrong:
            raise OrchestratorError(
                "not_as_measured", detail=f"another {' and '.join(wrong)} than preflight's"
            )

    def require_planned(self, run_id: str, plan: ActionPlan) -> None:
        """Refuse a plan that was not made here, or is not what its digest says.

        Raises:
            OrchestratorError: ``not_as_measured``.
        """
        if plan.compute_digest() != plan.digest or self._planned(run_id, plan) is None:
            raise OrchestratorError("not_as_measured", detail="this plan was not made here")

    def require_approved(self, run_id: str, plan: ActionPlan, *, begun: bool = False) -> None:
        """Refuse to write a plan that needs signed approvals and has not enough of them here.

        Once the first write was permitted in time, a step that is done again may outlast their validity.
        What may be approved by a bare name (``trust: unsigned``) leaves no proof, so none is asked for.

        Raises:
            OrchestratorError: ``approval_not_seen``, ``approval_expired``.
        """
        pin, made = self._read(self._run(run_id) / "measured.json", Measured), self._planned(run_id, plan)
        if pin is None or made is None:
            raise OrchestratorError("not_as_measured", detail="this plan was not made here")
        gate = pin.result.gate
        if gate.trust is not Trust.SIGNED or not (gate.protected or made.risks):
            return
        standing = [
            (seen.approver, seen.at + timedelta(seconds=gate.validity_seconds))
            for seen in self._seen(run_id, plan)
            if seen.approver in approvers(gate) and not same_person(seen.approver, pin.requested_by)
        ]
        until = enough_until(gate.quorum, standing)
        if until is None:
            raise OrchestratorError("approval_not_seen", digest=plan.digest[:12], quorum=gate.quorum)
        if until <= self.now() and not begun:
            limit = f"its validity, which ended at {until:%H:%M:%S} UTC"
            raise OrchestratorError("approval_expired", limit=limit)

    def _seen(self, run_id: str, plan: ActionPlan) -> tuple[Seen, ...]:
        paths = sorted(self._plan(run_id, plan.digest).glob("approval-*.json"))
        return tuple(seen for path in paths if (seen := self._read(path, Seen)) is not None)

    def _planned(self, run_id: str, plan: ActionPlan) -> Planned | None:
        made = self._read(self._plan(run_id, plan.digest) / "planned.json", Planned)
        return made if made is not None and made.digest == plan.digest else None

    def _run(self, run_id: str) -> Path:
        return self.state.plans / safe_name(run_id)

    def _plan(self, run_id: str, digest: str) -> Path:
        return self.state.plan_dir(run_id, digest)

    def _write(self, path: Path, what: Model) -> None:
        try:
            make_directory(path.parent)
            write_durably(path, what.model_dump_json(indent=2).encode() + b"\n")
        except OSError as error:
            raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error

    def _read(self, path: Path, kind: type[M]) -> M | None:
        """None where it is missing or damaged: both prove nothing."""
        try:
            return kind.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
