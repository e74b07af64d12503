"""The run's record as it grows, and the pure rules of how a run may end.

Nothing here knows Temporal: times come from the caller, so every rule is table-tested.
"""

from collections.abc import Iterable
from datetime import datetime

from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.failure import Failure
from workflows.models.record import FileTouched, RunEvent, RunRecord, StepRecord
from workflows.models.status import RunStatus, StepName, StepStatus

ROUND_STEPS = (
    StepName.ANALYZE, StepName.PLAN, StepName.APPROVE,
    StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY,
)  # fmt: skip

_MADE_BY = {
    "analyze": StepName.ANALYZE,
    "plan": StepName.PLAN,
    "patch": StepName.PLAN,
    "approval": StepName.APPROVE,
    "diff-before": StepName.PATCH,
    "diff-after": StepName.PATCH,
    "build": StepName.BUILD,
    "service-before": StepName.RESTART,
    "restart": StepName.RESTART,
    "verify": StepName.VERIFY,
    "containers": StepName.VERIFY,
    "rollback": StepName.ROLLBACK,
}

NOT_REACHED = "not reached"

MAX_WARNINGS = 16
"""On the record, which is kept several times over in the history."""
_MORE_WARNINGS = "more warnings were given than are shown here: they are in the artifacts of their steps"
_MAX_EVENT_MESSAGE = 100
_MAX_MESSAGE = 200
"""Characters of what a step says of itself; a failure's own message is kept whole beside it."""

_NEW_EVIDENCE = frozenset(
    {"build_failed", "restart_failed", "container_crashed", "health_timeout", "not_stable"}
)


class Ended(Exception):  # noqa: N818 - it ends a run, it is not always an error
    """The run is over before or without a proof of health; carries the status it claims."""

    def __init__(
        self, status: RunStatus, *, failure: Failure | None = None, code: str | None = None, summary: str = ""
    ):
        self.status = status
        self.failure = failure
        self.code = code or (failure.code if failure else None)
        self.summary = summary or (failure.message if failure else "")
        super().__init__(self.summary)

    def as_fields(self) -> dict[str, object]:
        """The fields of the run record that say how it ended."""
        return {"status": self.status, "code": self.code, "summary": self.summary, "failure": self.failure}


class StepFailed(Exception):  # noqa: N818 - the name says which exception it is
    """A step failed with an error of the catalogue."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


def brings_new_evidence(failure: Failure) -> bool:
    """Whether another round could find a new cause in what this failure left behind."""
    return failure.code in _NEW_EVIDENCE


def status_after_rollback(claimed: RunStatus, *, complete: bool, nothing_written: bool) -> RunStatus:
    """The terminal status once the rollback was measured (invariant I4)."""
    if not complete:
        return RunStatus.FAILED
    if claimed is RunStatus.CANCELLED or (claimed is RunStatus.REJECTED and nothing_written):
        return claimed
    return RunStatus.FAILED if nothing_written else RunStatus.ROLLED_BACK


def made_by(artifact: RunArtifact) -> tuple[StepName, int]:
    """Step and round that an artifact belongs to: ``build.2.log`` is of the build of round 2."""
    step = _MADE_BY.get(artifact.type, StepName.REPORT)
    _, _, number = artifact.name.rpartition(".")[0].rpartition(".")
    return step, int(number) if number.isdigit() and step in ROUND_STEPS else 1


def outage_seconds(record: RunRecord, now: datetime) -> float | None:
    """How long a rolled-back service was not what it is meant to be: first restart to measured rollback.

    An upper bound; the gap between two containers alone would hide that the new one never worked.
    """
    begun = [s.started_at for s in record.steps if s.name is StepName.RESTART and s.message != NOT_REACHED]
    started = min((at for at in begun if at is not None), default=None)
    return None if started is None else (now - started).total_seconds()


def evidence_warnings(artifacts: Iterable[RunArtifact]) -> tuple[str, ...]:
    """SPEC edge case: the operator hears which evidence is not in the store."""
    words = {ArtifactState.SPOOLED: "waits for the store", ArtifactState.MISSING: "could not be stored"}
    return tuple(f"{a.name} {words[a.state]}" for a in artifacts if a.state in words)


class Ledger:
    """Keeps the ``RunRecord`` and the events (SPEC FR-010); each change yields a new record."""

    def __init__(self, record: RunRecord) -> None:
        steps = record.steps or tuple(StepRecord(name=name) for name in StepName)
        self.record = record.model_copy(update={"steps": steps})
        self.events: list[RunEvent] = []

    def change(self, **changes: object) -> None:
        """Replace fields of the record."""
        self.record = self.record.model_copy(update=changes)

    def begin(self, step: StepName, round_: int, now: datetime, message: str = "") -> None:
        """A step starts; a step that starts again in the same round (a new revision) keeps its start."""
        message = _short(message)
        old = self._find(step, round_)
        started = old.started_at if old and old.started_at else now
        self._put(
            StepRecord(name=step, round=round_, status=StepStatus.IN_PROGRESS, started_at=started,
                       message=message, artifacts=old.artifacts if old else ())
        )  # fmt: skip
        self._event(step, round_, StepStatus.IN_PROGRESS, now, message)

    def end(self, step: StepName, round_: int, status: StepStatus, now: datetime, message: str = "") -> None:
        """A step ends, or is skipped, at ``now``."""
        old = self._find(step, round_) or StepRecord(name=step, round=round_)
        changes = {
            "status": status,
            "started_at": old.started_at or now,
            "completed_at": now,
            "message": _short(message) or old.message,
        }
        ended = old.model_copy(update=changes)
        self._put(ended)
        self._event(step, round_, status, now, ended.message, ended.artifacts)

    def store(self, step: StepName, round_: int, artifacts: Iterable[RunArtifact]) -> None:
        """Artifacts of a step; a later one replaces an earlier one of the same name."""
        new = {artifact.name: artifact for artifact in artifacts}
        kept = tuple(a for a in self.record.artifacts if a.name not in new)
        self.change(artifacts=kept + tuple(new.values()))
        old = self._find(step, round_)
        if old and new:
            names = tuple(dict.fromkeys((*old.artifacts, *new)))
            self._put(old.model_copy(update={"artifacts": names}))

    def store_found(self, artifacts: Iterable[RunArtifact]) -> None:
        """Artifacts of whichever steps: a step that was interrupted could not name its own (I6)."""
        for artifact in artifacts:
            self.store(*made_by(artifact), (artifact,))

    def warn(self, warnings: Iterable[str]) -> None:
        """Add warnings, each once; of very many the first, so that the record stays small."""
        known = tuple(dict.fromkeys((*self.record.warnings, *warnings)))
        if len(known) > MAX_WARNINGS:
            known = (*[w for w in known if w != _MORE_WARNINGS][: MAX_WARNINGS - 1], _MORE_WARNINGS)
        self.change(warnings=known)

    def touch(self, files: Iterable[FileTouched]) -> None:
        """Files written; the first ``before`` of a path is the state before round 1."""
        merged = {file.path: file for file in self.record.files_touched}
        for file in files:
            first = merged.get(file.path)
            merged[file.path] = file.model_copy(update={"before": first.before if first else file.before})
        self.change(files_touched=tuple(merged.values()))

    def close_open_steps(self, now: datetime) -> None:
        """What never ran is skipped; what was interrupted has failed. The report is still to come."""
        for step in self.record.steps:
            if step.name is StepName.REPORT:
                continue
            if step.status is StepStatus.PENDING:
                self.end(step.name, step.round, StepStatus.SKIPPED, now, NOT_REACHED)
            elif step.status is StepStatus.IN_PROGRESS:
                self.end(step.name, step.round, StepStatus.FAILED, now, "interrupted")

    def _find(self, name: StepName, round_: int) -> StepRecord | None:
        return next((s for s in self.record.steps if (s.name, s.round) == (name, round_)), None)

    def _put(self, step: StepRecord) -> None:
        steps = list(self.record.steps)
        for index, old in enumerate(steps):
            if (old.name, old.round) == (step.name, step.round):
                steps[index] = step
                break
        else:  # a later round stands before rollback and report
            ends = (StepName.ROLLBACK, StepName.REPORT)
            at = next((i for i, s in enumerate(steps) if s.name in ends), len(steps))
            steps.insert(at, step)
        self.change(steps=tuple(steps))

    def _event(
        self, step: StepName, round_: int, state: StepStatus, now: datetime, message: str,
        artifacts: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.events.append(
            RunEvent(ts=now, run_id=self.record.run_id, round=round_, step=step, state=state,
                     message=message[:_MAX_EVENT_MESSAGE], artifacts=artifacts)
        )  # fmt: skip


def _short(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"
