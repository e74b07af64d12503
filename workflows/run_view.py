"""What clients may ask while a run goes on, and what is published where no worker has to answer."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import visibility, web_details
    from workflows.lifecycle import Ledger
    from workflows.models.artifact import RunArtifact
    from workflows.models.plan import ActionPlan
    from workflows.models.policy import ApprovalGate
    from workflows.models.record import RunRecord
    from workflows.models.request import RunRequest
    from workflows.models.status import RunStatus, StepName, StepStatus
    from workflows.secret_words import mask
    from workflows.start_input import TakesOneRequest
    from workflows.telling import ONCE


class RunView(TakesOneRequest):
    """The run's record, and everybody's view of it."""

    def __init__(self, request: RunRequest) -> None:
        info = workflow.info()
        self._request = request
        self._round = 1
        self._published: tuple[str, dict[str, object]] | None = None
        self._ledger = Ledger(
            RunRecord(
                run_id=info.first_execution_run_id,
                workflow_id=info.workflow_id,
                instruction=mask(request.instruction),
                service=request.service,
                project=request.project,
                requested_by=request.requested_by,
                retry_of=request.retry_of,
                created_at=info.workflow_start_time,
            )
        )
        self._ledger.warn(f"unknown field {name!r} was ignored" for name in request.unknown_fields)

    @property
    def record(self) -> RunRecord:
        """The record as of now."""
        return self._ledger.record

    @property
    def _asked_gate(self) -> ApprovalGate | None:
        """What an approval must satisfy, while one is waited for."""
        return None

    @property
    def plan_now(self) -> ActionPlan:
        """The plan of the current revision."""
        plan = self.record.plan
        assert plan is not None, "the plan step comes first"  # noqa: S101 - a programming error
        return plan

    # Queries.

    @workflow.query(name="status", description="The RunRecord: steps, plan, artifacts, failure")
    def query_status(self) -> RunRecord:
        """The run record as of now."""
        return self.record

    @workflow.query(name="plan", description="The ActionPlan of the current revision, or null")
    def query_plan(self) -> ActionPlan | None:
        """The current plan."""
        return self.record.plan

    @workflow.query(name="artifacts", description="Every RunArtifact with its checksum")
    def query_artifacts(self) -> tuple[RunArtifact, ...]:
        """All evidence stored so far."""
        return self.record.artifacts

    @workflow.query(name="get_progress", description="MoonMind's progress counts")
    def query_progress(self) -> visibility.Progress:
        """Counts per step state."""
        return visibility.progress(self.record)

    @workflow.query(name="get_step_ledger", description="MoonMind's step ledger")
    def query_step_ledger(self) -> visibility.StepLedger:
        """Every step of every round."""
        return visibility.step_ledger(self.record)

    # Small words for the ledger, each of which others see at once.

    def _begin(self, step: StepName, message: str = "") -> None:
        self._ledger.begin(step, self._round_of(step), workflow.now(), message)
        if self.record.status is RunStatus.PENDING:
            self._ledger.change(status=RunStatus.RUNNING, started_at=workflow.now())
        self._publish()

    def _end(self, step: StepName, message: str, status: StepStatus = StepStatus.SUCCEEDED) -> None:
        self._ledger.end(step, self._round_of(step), status, workflow.now(), message)
        self._show()

    def _keep(
        self, step: StepName, artifacts: tuple[RunArtifact, ...], warnings: tuple[str, ...] = ()
    ) -> None:
        self._ledger.store(step, self._round_of(step), artifacts)
        self._ledger.warn(warnings)
        self._show()

    def _round_of(self, step: StepName) -> int:
        return 1 if step in ONCE else self._round

    def _show(self) -> None:
        """Bring the Web UI's current details up to date; they are no events, so this may be often."""
        workflow.set_current_details(web_details.details(self.record, self._asked_gate))

    def _publish(self) -> None:
        """Mirror the record where it can be read with no worker up; only changes go into the history."""
        self._show()
        record = self.record
        state, memo = visibility.mm_state(record), visibility.memo(record)
        old_state, old_memo = self._published or ("", {})
        changed = {key: value for key, value in memo.items() if old_memo.get(key) != value}
        if changed:
            workflow.upsert_memo(changed)
        if state != old_state:
            first = self._published is None
            workflow.upsert_search_attributes(visibility.search_attributes(record, first=first))
        self._published = (state, memo)
