"""``MoonMind.OrchestratorRun``: one instruction, carried through to a measured end.

``run()`` reads as the lifecycle. Each helper below it is one step or one rule; what a step does in
the world is behind ``ports``, how long it may take is in ``options``.
"""

import asyncio
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import approval_gate, ports
    from workflows.coordinating import OTHERS_FIRST
    from workflows.errors import OrchestratorError
    from workflows.fitting import fitted_findings
    from workflows.lifecycle import Ended, StepFailed, brings_new_evidence
    from workflows.models.failure import Failure
    from workflows.models.finding import Finding
    from workflows.models.plan import ActionPlan
    from workflows.models.policy import ApprovalGate
    from workflows.models.record import RunRecord
    from workflows.models.request import RunRequest
    from workflows.models.status import RunStatus, StepName, StepStatus
    from workflows.risk import approvers, gate_with_risks
    from workflows.settling import SettlingRun
    from workflows.telling import current_step


@workflow.defn(name="MoonMind.OrchestratorRun")
class OrchestratorRun(SettlingRun):
    """One run on one service of one Compose project (SPEC OrchestratorRun)."""

    @workflow.init
    def __init__(self, request: RunRequest) -> None:
        super().__init__(request)
        self._revision = 0
        self._findings: tuple[Finding, ...] = ()
        self._risks: tuple[str, ...] = ()
        self._measured: ports.PreflightResult

    @workflow.run
    async def run(self, request: RunRequest) -> RunRecord:  # noqa: ARG002 - __init__ took it
        """Carry the run to one of the terminal statuses.

        Returns:
            The final record, for every run that was not cancelled.

        Raises:
            asyncio.CancelledError: after the rollback and the report of a cancelled run.
        """
        ended = await self._carry_out()
        if self._wrote and ended.status is not RunStatus.SUCCEEDED:
            ended = await self._shielded(self._roll_back(ended))
        await self._shielded(self._report(ended))
        await self._shielded(self._leave_lane())
        if self.record.status is RunStatus.CANCELLED:
            raise asyncio.CancelledError("cancelled; everything is as it was")
        return self.record

    async def _carry_out(self) -> Ended:
        """Everything up to the proof of health, as the end it leads to; never raises but on eviction."""
        try:
            await self._preflight()
            await self._repair_in_rounds()
        except Ended as ended:
            return ended
        except StepFailed as failed:
            return Ended(RunStatus.FAILED, failure=failed.failure)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:
                raise  # the worker evicts this run from its cache; it goes on elsewhere
            return self._cancelled()
        return Ended(RunStatus.SUCCEEDED, summary=f"{self.record.service} is healthy")

    async def _repair_in_rounds(self) -> None:
        failure: Failure | None = None
        while True:
            try:
                await self._analyze(failure)
                await self._agree_on_a_plan()
            except (Ended, StepFailed) as refusal:
                if self._wrote or not await self._was_in_the_middle_of_others(refusal):
                    raise
                await self._begin_again()
                failure = None
                continue
            failure = await self._execute()
            if failure is None:
                return
            if self._must_stand_back(failure):
                await self._begin_again()
                failure = None
                continue
            if failure.code == "approval_expired":
                raise Ended(RunStatus.REJECTED, failure=failure)
            if not brings_new_evidence(failure) or self._round >= self._measured.limits.max_rounds:
                raise Ended(RunStatus.FAILED, failure=failure)
            self._round += 1

    async def _execute(self) -> Failure | None:
        """The plan's steps that change something; a failure is returned, because it may be evidence."""
        try:
            await self._patch()
            await self._build()
            await self._restart()
            return await self._verify()
        except StepFailed as failed:
            return failed.failure

    # The steps, in order.

    async def _preflight(self) -> None:
        """Measure the starting point, once nobody holds the project or is changing it."""
        while True:
            try:
                await self._measure()
            except StepFailed as failed:
                if failed.failure.code not in OTHERS_FIRST:
                    raise
                await self._give_way()
            else:
                break
        self._end(StepName.PREFLIGHT, "nothing touched; the starting point is measured")

    async def _measure(self) -> None:
        self._begin(StepName.PREFLIGHT)
        location = await self._locate()
        self._task_queue, self._host = location.task_queue, location.host
        self._ledger.change(project=location.project)
        job = ports.PreflightInput(run=self._ref, request=self._request, project=location.project)
        self._measured = await self._perform(ports.PREFLIGHT, job)
        masked = self._measured.instruction or self.record.instruction
        self._ledger.change(service=self._measured.target.service, instruction=masked)
        self._ledger.warn(self._measured.warnings)

    async def _analyze(self, failure: Failure | None) -> None:
        self._begin(StepName.ANALYZE)
        job = ports.AnalyzeInput(
            run=self._ref,
            target=self._measured.target,
            intent=self._measured.intent,
            verification=self._measured.verification,
            failure=failure,
            known=tuple(finding.without_prose() for finding in self._findings),
            min_package_age_days=self._measured.limits.min_package_age_days,
            may_ask_llm=self._measured.may_ask_llm,
        )
        found = await self._perform(ports.ANALYZE, job)
        self._keep(StepName.ANALYZE, found.artifacts, found.warnings)
        if found.healthy and failure is None:
            self._end(StepName.ANALYZE, found.reason)
            raise Ended(RunStatus.SUCCEEDED, code="nothing_to_repair", summary=found.reason)
        if not found.findings:
            self._end(StepName.ANALYZE, f"no new cause: {found.reason}", StepStatus.FAILED)
            names = tuple(a.name for a in found.artifacts)
            no_fix = OrchestratorError("no_safe_fix", detail=found.reason).failure(StepName.ANALYZE)
            raise Ended(RunStatus.FAILED, failure=failure or no_fix.model_copy(update={"artifacts": names}))
        self._findings = fitted_findings((*self._findings, *found.findings))
        self._end(StepName.ANALYZE, found.reason or f"{len(found.findings)} finding(s)")

    async def _agree_on_a_plan(self) -> None:
        """Plan; where policy wants it wait for the approval of exactly that plan; then take the turn."""
        while True:
            await self._plan()
            if self._request.plan_only:
                raise Ended(RunStatus.PLANNED, summary=self.plan_now.summary)
            self._measured = self._measured.model_copy(update={"gate": self._gate_of_this_plan()})
            approved = self._measured.gate.protected
            if approved:
                await self._undo_before_waiting()
                await self._leave_lane()  # whoever waits for an approval stands in nobody's way
                await self._approve()
            else:
                self._end(StepName.APPROVE, "policy asks for no approval", StepStatus.SKIPPED)
            waited = await self._take_turn()
            if self._wrote or not (approved or waited):
                return
            drift = (await self._perform(ports.REVALIDATE, self._revalidation())).drift
            if not drift:
                return
            self._ledger.warn((f"plan revision {self._revision} no longer held: {'; '.join(drift)}",))
            await self._begin_again()
            await self._analyze(None)

    async def _begin_again(self) -> None:
        """The world moved before anything was written: measure it anew."""
        self._findings = ()
        await self._preflight()

    async def _plan(self) -> None:
        self._begin(StepName.PLAN)
        self._revision += 1
        measured = self._measured
        job = ports.PlanInput(
            run=self._ref,
            target=measured.target,
            intent=measured.intent,
            findings=self._findings,
            snapshot=measured.snapshot,
            limits=measured.limits,
            verification=measured.verification,
            policy_digest=measured.policy_digest,
            revision=self._revision,
            operator_patch=self._request.patch,
            requires_approval_when=measured.gate.requires_approval_when,
            approvable=bool(approvers(measured.gate)),
        )
        made = await self._perform(ports.PLAN, job)
        self._risks = made.risks
        # the step does not send back what it was given
        plan = made.plan.model_copy(update={"findings": made.plan.findings or self._findings})
        self._ledger.change(plan=plan)
        self._keep(StepName.PLAN, made.artifacts, made.plan.warnings)
        self._end(StepName.PLAN, made.plan.summary)

    def _gate_of_this_plan(self) -> ApprovalGate:
        """A risky plan needs an approval although its service is not protected (I2)."""
        gate, request = self._measured.gate, self._request
        try:
            return gate_with_risks(gate, self._risks, request.requested_by, self._measured.target.service)
        except OrchestratorError as error:
            self._end(StepName.APPROVE, error.message, StepStatus.FAILED)
            raise Ended(RunStatus.FAILED, failure=error.failure(StepName.APPROVE)) from error

    async def _approve(self) -> None:
        """Wait, holding nothing, until the gate is satisfied, somebody rejects, or time is over."""
        gate = self._measured.gate
        over: OrchestratorError | None = None
        self._begin_waiting(gate)
        self._begin(StepName.APPROVE, "waiting for approval")
        try:
            await self._wait_for_decision(gate)
        except TimeoutError:
            over = OrchestratorError("approval_expired", limit=f"{gate.time_limit_seconds:.0f} s")
        else:
            if rejection := self._rejection():
                who, why = rejection.approver, rejection.message
                over = OrchestratorError("approval_rejected", approver=who, reason=why)
        finally:
            self._waiting = None
        await self._close_the_gate(over)

    async def _close_the_gate(self, refusal: OrchestratorError | None) -> None:
        """Put every attempt on record, then go on or end."""
        self._ledger.change(status=RunStatus.RUNNING, approval_deadline=None, summary="")
        await self._store_decisions()
        if refusal is not None:
            self._end(StepName.APPROVE, refusal.message, StepStatus.FAILED)
            raise Ended(RunStatus.REJECTED, failure=refusal.failure(StepName.APPROVE))
        self._end(StepName.APPROVE, "approved")

    async def _undo_before_waiting(self) -> None:
        """A later round of a protected service waits with everything as it was before round 1."""
        if not self._wrote:
            return
        ended = await self._shielded(self._roll_back(Ended(RunStatus.FAILED), final=False))
        self._wrote = False
        self._generation += 1
        self._epoch = 0
        if self.record.rollback is None or not self.record.rollback.complete:
            raise ended
        self._ledger.touch(self.record.rollback.files)  # the approved plan starts from these files again
        self._heed_cancel()

    async def _patch(self) -> None:
        await self._be_guarded()
        self._begin(StepName.PATCH)
        self._wrote = True  # from here on only a measured rollback may say that nothing was written
        job = ports.PatchInput(
            run=self._ref,
            target=self._measured.target,
            plan=self._executable_plan,
            permission=self._measured.permission,
            approved_until=self._approved_until(),
        )
        patched = await self._perform(ports.PATCH, job)
        self._epoch = patched.epoch
        self._ledger.touch(patched.files)
        self._ledger.change(rounds=self._round)
        self._keep(StepName.PATCH, patched.artifacts, patched.warnings)
        if patched.files:
            self._end(StepName.PATCH, "wrote " + ", ".join(file.path for file in patched.files))
        else:
            self._end(StepName.PATCH, "the plan changes no file", StepStatus.SKIPPED)

    async def _build(self) -> None:
        self._begin(StepName.BUILD)
        job = ports.BuildInput(run=self._ref, target=self._measured.target, plan=self._executable_plan)
        built = await self._perform(ports.BUILD, job)
        self._keep(StepName.BUILD, built.artifacts, built.warnings)
        if built.duration_seconds:
            self._end(StepName.BUILD, f"image {built.image_id[:19]} in {built.duration_seconds:.1f} s")
        else:
            self._end(StepName.BUILD, "the plan needs no build", StepStatus.SKIPPED)

    async def _restart(self) -> None:
        self._begin(StepName.RESTART)
        job = ports.RestartInput(run=self._ref, target=self._measured.target, plan=self._executable_plan)
        restarted = await self._perform(ports.RESTART, job)
        self._ledger.change(downtime_seconds=restarted.downtime_seconds)
        self._keep(StepName.RESTART, restarted.artifacts, restarted.warnings)
        self._end(StepName.RESTART, f"{len(restarted.snapshot.containers)} container(s) replaced")

    async def _verify(self) -> Failure | None:
        self._begin(StepName.VERIFY)
        measured = self._measured
        job = ports.VerifyInput(run=self._ref, target=measured.target, verification=measured.verification)
        verified = await self._perform(ports.VERIFY, job)
        self._ledger.change(neighbours=verified.neighbours)
        self._keep(StepName.VERIFY, verified.artifacts, verified.warnings)
        if verified.failure is not None:
            self._end(StepName.VERIFY, verified.failure.message, StepStatus.FAILED)
            return verified.failure
        self._end(StepName.VERIFY, f"healthy and stable after {verified.duration_seconds:.1f} s")
        return None

    # Small rules.

    def _approved_until(self) -> datetime | None:
        """Before this instant the first write must come; None where nobody had to approve."""
        gate, plan = self._measured.gate, self.plan_now
        if not gate.protected:
            return None
        # no approval at all must never read as none needed
        return approval_gate.approved_until(gate, plan, self.record.approvals) or workflow.now()

    def _must_stand_back(self, failure: Failure) -> bool:
        """A hold or another run came between the turn and the first write: nothing was written yet."""
        stands_back = failure.code in OTHERS_FIRST and failure.step is StepName.PATCH and self._epoch == 0
        if stands_back:
            self._wrote = False
        return stands_back

    def _cancelled(self) -> Ended:
        step = current_step(self.record)
        error = OrchestratorError("cancelled")
        return Ended(RunStatus.CANCELLED, failure=error.failure(step.name if step else StepName.PREFLIGHT))

    @property
    def _executable_plan(self) -> ActionPlan:
        return self.plan_now.for_execution()

    def _revalidation(self) -> ports.RevalidateInput:
        return ports.RevalidateInput(
            run=self._ref,
            target=self._measured.target,
            plan=self._executable_plan,
            policy_digest=self._measured.policy_digest,
            snapshot=self._measured.snapshot,
            permission=self._measured.permission,
        )
