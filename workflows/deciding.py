"""Approve and reject: every attempt judged and put on record, and the wait for enough of them (FR-009, I2).

Attempts are taken one after the other, in the order in which they came. A token is checked by an activity
on the project's host, because signatures and single use cannot be checked inside a workflow; everything
else is judged here, against the wait as it is at that moment.
"""

import asyncio
import hashlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows import approval_gate, notices, ports
    from workflows.approval_gate import Waiting
    from workflows.errors import OrchestratorError
    from workflows.fitting import cut
    from workflows.models.approval import Approval, Approve, Reject, Verdict
    from workflows.models.notification import NotifyEvent
    from workflows.models.policy import ApprovalGate
    from workflows.models.request import RunRequest
    from workflows.models.status import RunStatus, StepName
    from workflows.models.token import Act, CheckTokenInput, TokenChecked
    from workflows.performing import PerformingRun, execute
    from workflows.secret_words import mask
    from workflows.web_details import static_summary

_REFUSALS_ON_RECORD = 20
"""A flood of attempts must not make record and history too large; each is in the history as it was sent."""

_REFUSED_WORDS = 100
"""Characters of what somebody said who was refused."""

_TOKENS_CHECKED = 200
"""So many tokens are checked for one run; each check is an activity in its history."""


class DecidingRun(PerformingRun):
    """A run that others decide about."""

    def __init__(self, request: RunRequest) -> None:
        # A token that came along is handed to the one step that checks it, and to no other.
        super().__init__(request.model_copy(update={"approval_token": None}))
        self._waiting: Waiting | None = None
        self._gate = ApprovalGate()
        self._one_at_a_time = asyncio.Lock()
        self._attempts = 0
        self._pre_approval = request.approval_token
        self._stored: tuple[Approval, ...] = ()
        self._telling: set[asyncio.Task[None]] = set()

    @workflow.signal(name="Approve", description="{token?, approver?, plan_digest, comment?}")
    async def signal_approve(self, attempt: Approve = Approve()) -> None:  # noqa: B008 - immutable
        """Approve by signal; a refusal is on record, the sender hears nothing."""
        await self._take(attempt)

    @workflow.signal(name="Reject", description="{token?, approver?, reason}")
    async def signal_reject(self, attempt: Reject = Reject()) -> None:  # noqa: B008 - immutable
        """Reject by signal."""
        await self._take(attempt)

    @workflow.update(name="Approve", description="{token?, approver?, plan_digest, comment?}")
    async def update_approve(self, attempt: Approve) -> Approval:
        """Approve by update; the answer is the attempt as it went on record."""
        return await self._take(attempt)

    @workflow.update(name="Reject", description="{token?, approver?, reason}")
    async def update_reject(self, attempt: Reject) -> Approval:
        """Reject by update."""
        return await self._take(attempt)

    async def _wait_for_decision(self, gate: ApprovalGate) -> None:
        """Until enough people approved or one rejected.

        Raises:
            TimeoutError: the gate's time limit is over.
        """
        warn_before = min(gate.warn_before_seconds, gate.time_limit_seconds / 4)
        quiet = timedelta(seconds=gate.time_limit_seconds - warn_before)
        await self._present_pre_approval()
        self._tell(NotifyEvent.AWAITING_APPROVAL, gate)
        try:
            await workflow.wait_condition(self._decided, timeout=quiet, timeout_summary=self._timer("warns"))
        except TimeoutError:
            self._warn_of_expiry(warn_before)
            if warn_before:
                self._tell(NotifyEvent.APPROVAL_EXPIRING, gate)
            last = timedelta(seconds=warn_before)
            await workflow.wait_condition(self._decided, timeout=last, timeout_summary=self._timer("ends"))

    def _timer(self, then: str) -> str:
        """For the timeline: what the timer is for."""
        plan, roles = self.plan_now, " or ".join(self._gate.approver_roles[:3])
        return static_summary(f"{then} when nobody ({roles}) approved plan {plan.digest[:12]} in time")

    def _warn_of_expiry(self, seconds: float) -> None:
        """On record, and where it can be read without asking: memo and current details."""
        self._ledger.warn((f"nobody has decided: the approval expires in {seconds:.0f} s",))
        at = workflow.now() + timedelta(seconds=seconds)
        self._ledger.change(summary=f"{self.record.summary}; nobody has decided, expires {at:%H:%M:%S} UTC")
        self._publish()

    def _tell(self, event: NotifyEvent, gate: ApprovalGate) -> None:
        """Leave word for people where anybody is told at all; the run goes on meanwhile, whatever comes."""
        if not gate.announced or self._decided():
            return
        told = notices.notification(self.record, event, workflow.now())
        task = asyncio.create_task(self._leave_word(ports.NotifyInput(run=self._ref, notification=told)))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _leave_word(self, job: ports.NotifyInput) -> None:
        try:
            summary = f"tells: {job.notification.event}"
            await execute(ports.NOTIFY, job, queue=self._task_queue, summary=summary)
        except ActivityError:
            workflow.logger.warning("nobody could be told")

    async def _present_pre_approval(self) -> None:
        """The request may bring an approval of exactly this plan; it is an attempt like any other, once."""
        token, self._pre_approval = self._pre_approval, None
        if token is not None:
            await self._take(Approve(token=token), pre_approved=True)

    async def _take(self, attempt: Approve | Reject, *, pre_approved: bool = False) -> Approval:
        said = "reason" if isinstance(attempt, Reject) else "comment"
        attempt = attempt.model_copy(update={said: mask(getattr(attempt, said) or "") or None})
        async with self._one_at_a_time:
            return self._enter(await self._judged(attempt, pre_approved=pre_approved))

    async def _judged(self, attempt: Approve | Reject, *, pre_approved: bool) -> Approval:
        checked = None
        if attempt.token and self._waiting is not None:
            if self._attempts >= _TOKENS_CHECKED:
                error = OrchestratorError("too_many_attempts")
                checked = TokenChecked(code=error.code, message=error.message)
            else:
                checked = await self._checked(self._question(attempt, attempt.token, pre_approved))
        waiting, plan, now = self._waiting, self.record.plan, workflow.now()
        if waiting is None:
            return approval_gate.refuse_unasked(attempt, plan, now, over=self.record.status.terminal)
        if isinstance(attempt, Reject):
            return approval_gate.judge_rejection(attempt, waiting, now, checked)
        return approval_gate.judge_approval(attempt, waiting, self.record.approvals, now, checked)

    def _question(self, attempt: Approve | Reject, token: str, pre_approved: bool) -> CheckTokenInput:
        plan, patch = self.plan_now, self._request.patch
        self._attempts += 1
        return CheckTokenInput(
            run_id=self.record.run_id,
            project=plan.project,
            service=plan.service,
            plan_digest=plan.digest,
            act=Act.REJECT if isinstance(attempt, Reject) else Act.APPROVE,
            token=token,
            attempt=f"{workflow.info().run_id}:{self._attempts}",
            pre_approved=pre_approved,
            patch_sha256=hashlib.sha256(patch.encode()).hexdigest() if pre_approved and patch else None,
        )

    async def _checked(self, job: CheckTokenInput) -> TokenChecked:
        """The host's answer, as long as the run still waits for what was asked."""
        asked = self._waiting
        check = asyncio.create_task(
            execute(
                ports.CHECK_TOKEN,
                job,
                queue=self._task_queue,
                summary=f"token {self._attempts}",
            )
        )
        over = asyncio.create_task(workflow.wait_condition(lambda: self._waiting is not asked))
        # A host that is down must not hold up a run that was rejected or cancelled meanwhile.
        await workflow.wait((check, over), return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not check.done():
            check.cancel()
        try:
            checked = await check
        except ActivityError as error:
            failure = self._failure_of(error, StepName.APPROVE)
            checked = TokenChecked(code=failure.code, message=failure.message)
        if self._waiting is not asked:
            changed = OrchestratorError("plan_digest_mismatch")
            return TokenChecked(code=changed.code, message=changed.message, approver=checked.approver)
        return checked

    def _enter(self, judged: Approval) -> Approval:
        if judged.verdict is Verdict.REFUSED and judged.comment is not None:
            judged = judged.model_copy(update={"comment": cut(judged.comment, _REFUSED_WORDS)})
        if judged.verdict is Verdict.REFUSED and self._refused >= _REFUSALS_ON_RECORD:
            self._ledger.warn(
                (f"more than {_REFUSALS_ON_RECORD} attempts to approve or reject were refused",)
            )
            return judged
        self._ledger.change(approvals=(*self.record.approvals, judged))
        self._show()
        return judged

    @property
    def _asked_gate(self) -> ApprovalGate | None:
        return self._waiting.gate if self._waiting is not None else None

    @property
    def _refused(self) -> int:
        return sum(attempt.verdict is Verdict.REFUSED for attempt in self.record.approvals)

    def _rejection(self) -> Approval | None:
        """The rejection of the current plan revision, if there is one."""
        revision = self.plan_now.revision
        return next(
            (
                a
                for a in self.record.approvals
                if a.verdict is Verdict.REJECTED and a.plan_revision == revision
            ),
            None,
        )

    def _decided(self) -> bool:
        if self._waiting is None:
            return False
        gate, now = self._waiting.gate, workflow.now()
        enough = approval_gate.satisfied(gate, self.plan_now, self.record.approvals, now)
        return enough or self._rejection() is not None

    def _begin_waiting(self, gate: ApprovalGate) -> None:
        """From now on attempts count, for this plan and until the time limit."""
        plan = self.plan_now
        deadline = workflow.now() + timedelta(seconds=gate.time_limit_seconds)
        self._gate, self._waiting = gate, Waiting(gate, plan, self._request.requested_by, deadline)
        self._ledger.change(
            status=RunStatus.AWAITING_APPROVAL,
            approval_deadline=deadline,
            summary=f"waits for approval of plan {plan.digest[:12]}",
        )

    async def _store_decisions(self) -> None:
        """Every attempt so far, refused ones included, as ``approval.json`` (FR-009).

        Raises:
            StepFailed: the evidence cannot be kept.
        """
        recorded = await self._perform(ports.RECORD_APPROVALS, self._decisions())
        self._keep(StepName.APPROVE, recorded.artifacts)

    async def _store_late_decisions(self) -> None:
        """Attempts that came while nothing waited, or that a cancelled wait left behind; never raises."""
        if self.record.approvals == self._stored or self.record.plan is None:
            return
        queue = self._task_queue
        try:
            late = await execute(ports.RECORD_APPROVALS, self._decisions(), queue=queue, summary="late ones")
        except ActivityError as error:
            failure = self._failure_of(error, StepName.APPROVE)
            self._ledger.warn((f"approval.json does not have the last attempts: {failure.message}",))
        else:
            self._keep(StepName.APPROVE, late.artifacts)

    def _decisions(self) -> ports.RecordApprovalsInput:
        self._stored = self.record.approvals
        plan = self.plan_now.for_execution()
        return ports.RecordApprovalsInput(run=self._ref, gate=self._gate, plan=plan, approvals=self._stored)
