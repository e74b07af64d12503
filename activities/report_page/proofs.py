"""What was measured and recorded: decisions, other containers, the rollback, files, artifacts."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from activities.report_page.markup import Child, Html, bullets, section, table, tag
from workflows import quantities, telling
from workflows.models.approval import Approval
from workflows.models.artifact import RunArtifact
from workflows.models.record import Compared, RunRecord
from workflows.models.snapshot import ContainerState, NeighbourProof

T = TypeVar("T")
_MOST_ROWS: Final = 200
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"']+")
_BESIDE: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")


def approvals(record: RunRecord) -> Html | None:
    """Every attempt, the refused ones too (FR-009)."""
    if not record.approvals:
        return None
    headers = ("Who", "Role", "When", "Verdict", "Proof", "Words")
    return section(
        "approvals", "Decisions", _table("Every attempt to decide", headers, record.approvals, _attempt)
    )


def _attempt(attempt: Approval) -> tuple[Child, ...]:
    proof = f"signed, key {attempt.key or '?'}" if attempt.signed else "unsigned"
    code = f" ({attempt.code})" if attempt.code else ""
    said = "; ".join(filter(None, (attempt.message, attempt.comment)))
    return (attempt.approver or "nobody named", ", ".join(attempt.roles) or "-", telling.when(attempt.at),
            f"{attempt.verdict}{code}, plan revision {attempt.plan_revision}", proof, said)  # fmt: skip


def neighbours(record: RunRecord) -> Html | None:
    """The rest of the project, container by container (I3)."""
    proof = record.neighbours
    if proof is None:
        return None
    after = {container.name: container for container in proof.after}
    rows = [(one, after.get(one.name)) for one in proof.before]
    headers = ("Container", "State", "Container id", "Image", "Result")
    return section(
        "neighbours",
        "Other containers",
        tag("p", telling.neighbours(proof)),
        _table("Before and after the run", headers, rows, lambda row: _neighbour(row[0], row[1], proof))
        if rows
        else None,
    )


def _neighbour(
    before: ContainerState, after: ContainerState | None, proof: NeighbourProof
) -> tuple[Child, ...]:
    touched, alone = _names(proof.changed, before.name), _names(proof.self_restarted, before.name)
    word = _verdict(not touched, "restarted by itself" if alone else "untouched", "changed")
    state = (
        before.status
        if after is None or after.status == before.status
        else f"{before.status} → {after.status}"
    )
    return (before.name, state, _short(before.id), _short(before.image_id), word)


def _names(told: tuple[str, ...], container: str) -> bool:
    """Whether one of ``name`` or ``name (what happened)`` is this container's."""
    return any(one == container or one.startswith(f"{container} (") for one in told)


def rollback(record: RunRecord) -> Html | None:
    """The comparison that proves it (I4)."""
    outcome = record.rollback
    if outcome is None:
        return None
    word = _verdict(outcome.complete, "complete", "not complete")
    headers = ("What", "Before the run", "After the rollback", "Same")
    return section(
        "rollback",
        "Rollback",
        tag("p", word, f": {outcome.state}" if outcome.state else None),
        bullets(f"Not as before: {mismatch}" for mismatch in outcome.mismatches)
        if outcome.mismatches
        else None,
        _table("Measured before the run and after the rollback", headers, outcome.compared, _compared)
        if outcome.compared
        else None,
        bullets(f"Not undone: {thing}" for thing in outcome.not_undone) if outcome.not_undone else None,
    )


def _compared(line: Compared) -> tuple[Child, ...]:
    return (line.what, tag("code", line.before), tag("code", line.after), _verdict(line.same, "yes", "no"))


def files(record: RunRecord) -> Html | None:
    """Files this run wrote, by hash."""
    if not record.files_touched:
        return None
    rows = [
        (file.path, tag("code", file.before or "absent"), tag("code", file.after or "absent"),
         "put back" if file.before == file.after else "changed")
        for file in record.files_touched
    ]  # fmt: skip
    caption = "SHA-256 before the first round, and as written last"
    headers = ("File", "Before", "After", "Now")
    return section("files", "Files touched", _table(caption, headers, rows, lambda row: row))


def artifacts(found: tuple[RunArtifact, ...], links: Mapping[str, str]) -> Html | None:
    """The evidence with its checksums; a name leads to the store, else to the file beside this page."""
    if not found:
        return None
    headers = ("Artifact", "Size", "Kept until", "State", "SHA-256")
    rows = [
        (_named(one, links.get(one.name, "")), quantities.size(one.size_bytes),
         f"{one.retain_until:%Y-%m-%d}", str(one.state), tag("code", one.sha256))
        for one in found
    ]  # fmt: skip
    note = "manifest.json lists all of them; mm-orchestrator verify-bundle checks them."
    return section("artifacts", "Evidence", _table("Every artifact", headers, rows, lambda row: row),
                   tag("p", note, class_="note"))  # fmt: skip


def _named(artifact: RunArtifact, link: str) -> Html:
    if _ADDRESS.fullmatch(link):
        return tag("a", artifact.name, href=link, rel="noreferrer noopener")
    if _BESIDE.fullmatch(artifact.name):
        return tag("a", artifact.name, href=artifact.name)
    return tag("code", artifact.name)


def _table(
    caption: str, headers: Sequence[str], found: Sequence[T], cells: Callable[[T], Sequence[Child]]
) -> Html:
    left = len(found) - _MOST_ROWS
    more = f"; {left} more are in report.json" if left > 0 else ""
    return table(f"{caption}{more}", headers, [cells(one) for one in found[:_MOST_ROWS]])


def _verdict(good: bool, yes: str, no: str) -> Html:
    return tag("span", yes if good else no, class_="yes" if good else "no")


def _short(digest: str) -> Html:
    return tag("code", digest.removeprefix("sha256:")[:12] or "-")
