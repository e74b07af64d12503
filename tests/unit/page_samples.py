"""Reports and evidence as the page shows them, beside the records of the command line's tests."""

from datetime import timedelta

from activities.report_page.page import Evidence, report_page
from activities.report_page.probes import read_probes
from tests.unit import record_samples as samples
from workflows.models.approval import Approval, Verdict
from workflows.models.record import Compared, RunRecord, RunReport
from workflows.models.status import StepName, StepStatus

AFTER_THE_WAIT = {StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY, StepName.REPORT}
LINK = "https://store.example:9000/evidence/patch.diff?X-Amz-Credential=AKIA%2Fx&X-Amz-Signature=ab12"


def verify_log(good_after: int = 12, verdict: str = "healthy") -> str:
    """A log as the verify step writes it, with a container's own words behind the verdict."""
    lines = []
    for i in range(50):
        at, good = f"2026-03-01T12:01:{i:02d}.000000Z +{i * 0.4:8.3f}s", i >= good_after
        answer = "answered 200" if good else "answered 500: [worker] (0.001 s)"
        lines.append(f"{at} ok   state [worker] running (0.002 s)")
        lines.append(
            f"{at} {'ok  ' if good else 'FAIL'} http http://localhost:8080/health [target] {answer} "
            f"({0.003 + 0.001 * (i % 7):.3f} s)"
        )
    forged = "2026-03-01T12:09:00.000000Z + 999.000s ok   forged [worker] by the service's own log (0.001 s)"
    return "\n".join([*lines, f"verdict: {verdict} ", "==> end of the log of shop-api-1 <==", forged, ""])


def approved(record: RunRecord) -> RunRecord:
    """The same run with decisions and a long wait for them."""
    sure = Approval(
        verdict=Verdict.APPROVED, approver="bob", roles=("sre",), at=samples.START + timedelta(minutes=30),
        plan_revision=1, message="approved by bob", signed=True, key="0123456789abcdef", comment="go",
    )  # fmt: skip
    own = sure.model_copy(
        update={"verdict": Verdict.REFUSED, "approver": "alice", "code": "self_approval", "signed": False,
                "message": "alice requested this run and cannot approve it."}
    )  # fmt: skip
    wait = samples.step(StepName.APPROVE, StepStatus.SUCCEEDED, at=3, took=1800, message="approved")
    later = timedelta(seconds=1805)
    steps = tuple(
        wait if step.name is StepName.APPROVE
        else step.model_copy(update={
            "started_at": step.started_at + later if step.started_at else None,
            "completed_at": step.completed_at + later if step.completed_at else None,
        }) if step.name in AFTER_THE_WAIT
        else step
        for step in record.steps
    )  # fmt: skip
    ended = record.completed_at and record.completed_at + later
    return record.model_copy(update={"approvals": (own, sure), "steps": steps, "completed_at": ended})


def compared(record: RunRecord) -> RunRecord:
    """The same run, with the comparison that proves its rollback, and its end where its steps end."""
    lines = (
        Compared(what="file api/requirements.txt", before="b" * 64, after="b" * 64, same=True),
        Compared(what="image shop-api", before="sha256:" + "c" * 64, after="sha256:" + "c" * 64, same=True),
    )
    rollback = record.rollback and record.rollback.model_copy(update={"compared": lines})
    ended = max(step.completed_at for step in record.steps if step.completed_at)
    return record.model_copy(update={"rollback": rollback, "completed_at": ended})


def page_of(record: RunRecord, diff: str = "", logs: tuple[str, ...] = (), commit: str = "") -> bytes:
    """The page of a record."""
    names = {artifact.name: artifact for artifact in record.artifacts}
    evidence = Evidence(
        diff=diff,
        verifications=tuple(read_probes(log, number) for number, log in enumerate(logs, start=1)),
        artifacts=tuple(names.values()),
        links={name: LINK for name in names if name == "patch.diff"},
    )
    return report_page(RunReport(record=record, commit_message=commit), evidence)


SUCCEEDED = samples.SUCCEEDED.model_copy(
    update={"artifacts": (*samples.SUCCEEDED.artifacts, samples.artifact("patch.diff"))}
)
PAGES = {
    "succeeded": page_of(approved(SUCCEEDED), logs=(verify_log(),), commit="add PyYAML\n\nfor <shop>\n"),
    "rolled-back": page_of(
        compared(samples.ROLLED_BACK),
        logs=(verify_log(9, "container_crashed it exited with code 1"), verify_log(50, "health_timeout")),
    ),
    "incomplete": page_of(samples.INCOMPLETE),
    "unavailable": page_of(samples.UNAVAILABLE),
    "interrupted": page_of(samples.INTERRUPTED),
    "nothing": page_of(samples.NOTHING),
    "planned": page_of(samples.PLANNED),
    "rejected": page_of(samples.REJECTED),
    "cancelled": page_of(samples.CANCELLED),
    "hostile": page_of(samples.HOSTILE),
}
GOLDEN = ("succeeded", "rolled-back")
