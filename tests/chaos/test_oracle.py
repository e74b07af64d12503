"""The oracle can fail: whatever a run could leave behind is seen, and nothing that is allowed is blamed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.chaos import oracle
from tests.chaos.measure import ContainerFacts, FileFacts, Measured
from tests.chaos.oracle import Control, Expected
from workflows.models.record import RollbackOutcome, RunRecord
from workflows.models.status import RunStatus

OLD, NEW = "sha256:old", "sha256:new"
CONF = b"ONE=1\n"
API = ContainerFacts("c1", "p-api-1", "api", OLD, "hash", "running", "t0", 0, "healthy")
STORE = ContainerFacts("c2", "p-store-1", "store", "sha256:base", "hash", "running", "t0", 0, None)
SIDE = replace(STORE, id="c3", name="p-side-1", service="side")
FILE = FileFacts("before", 0o100640, 0, 0)
BEFORE = Measured(
    files={"api": FileFacts("", 0o40755, 0, 0), "api/one.conf": FILE, "notes.txt": FILE},
    containers=(API, SIDE, STORE),
    reference=OLD,
    images=frozenset({OLD}),
    networks=frozenset({"p_default"}),
    volumes=frozenset({"p_ledger"}),
    holds=frozenset(),
)
EXPECTED = Expected({"api/one.conf": CONF})
PLANNED = BEFORE.files | {"api/one.conf": replace(FILE, sha256=hashlib.sha256(CONF).hexdigest())}
NEW_API = replace(API, id="c9", image=NEW, started_at="t9")
AFTER = replace(
    BEFORE,
    files=PLANNED,
    containers=(NEW_API, SIDE, STORE),
    reference=NEW,
    images=frozenset({OLD, NEW}),
)


def with_containers(base: Measured, *containers: ContainerFacts) -> Measured:
    """The same project with other containers."""
    return replace(base, containers=containers)


UNDONE_BADLY = {
    "content": replace(BEFORE, files=PLANNED),
    "mode": replace(BEFORE, files=BEFORE.files | {"api/one.conf": replace(FILE, mode=0o100644)}),
    "owner": replace(BEFORE, files=BEFORE.files | {"api/one.conf": replace(FILE, uid=1)}),
    "other file written": replace(BEFORE, files=BEFORE.files | {"notes.txt": replace(FILE, changed_ns=1)}),
    "missing file": replace(BEFORE, files={"api": BEFORE.files["api"]}),
    "temporary file": replace(BEFORE, files=BEFORE.files | {"api/.one.conf.x.tmp": FILE}),
    "new image runs": with_containers(BEFORE, replace(API, image=NEW), SIDE, STORE),
    "reference": replace(BEFORE, reference=NEW),
    "no container": with_containers(BEFORE, SIDE, STORE),
    "two for one": with_containers(BEFORE, API, replace(API, name="0123456789ab_p-api-1"), SIDE, STORE),
    "interim name": with_containers(BEFORE, replace(API, name="0123456789ab_p-api-1"), SIDE, STORE),
    "stopped": with_containers(BEFORE, replace(API, status="exited"), SIDE, STORE),
    "unhealthy": with_containers(BEFORE, replace(API, health="unhealthy"), SIDE, STORE),
    "configuration": with_containers(BEFORE, replace(API, config_hash="other"), SIDE, STORE),
    "neighbour restarted": with_containers(BEFORE, API, SIDE, replace(STORE, started_at="t9")),
    "neighbour crashed": with_containers(BEFORE, API, SIDE, replace(STORE, restart_count=1)),
    "neighbour recreated": with_containers(BEFORE, API, SIDE, replace(STORE, id="c7")),
    "neighbour gone": with_containers(BEFORE, API, SIDE),
    "network": replace(BEFORE, networks=frozenset()),
    "volume": replace(BEFORE, volumes=frozenset({"p_ledger", "p_other"})),
    "image left": replace(BEFORE, images=frozenset({OLD, NEW})),
    "image gone": replace(BEFORE, images=frozenset()),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDONE_BADLY)
def test_what_a_rollback_leaves_is_seen(name: str) -> None:
    """Each of these differs from before in one thing only."""
    assert oracle.as_before(BEFORE, UNDONE_BADLY[name], EXPECTED, Control())


def test_another_container_of_the_old_image_is_as_before() -> None:
    """A container cannot be brought back, only one like it; but only where something was written."""
    again = with_containers(BEFORE, replace(API, id="c9", started_at="t9"), SIDE, STORE)
    assert oracle.as_before(BEFORE, again, EXPECTED, Control()) == []
    assert oracle.untouched(BEFORE, again, Control())
    assert oracle.untouched(BEFORE, BEFORE, Control()) == []


REPAIRED_BADLY = {
    "not applied": replace(AFTER, files=BEFORE.files),
    "applied twice": replace(AFTER, files=PLANNED | {"api/one.conf": replace(FILE, sha256="twice")}),
    "old image": with_containers(AFTER, API, SIDE, STORE),
    "unhealthy": with_containers(AFTER, replace(NEW_API, health="starting"), SIDE, STORE),
    "two for one": with_containers(AFTER, NEW_API, API, SIDE, STORE),
    "neighbour": with_containers(AFTER, NEW_API, SIDE, replace(STORE, started_at="t9")),
}


@pytest.mark.parametrize("name", REPAIRED_BADLY)
def test_half_a_repair_is_seen(name: str) -> None:
    """A success means all of it."""
    assert oracle.repaired(BEFORE, AFTER, EXPECTED, Control()) == []
    assert oracle.repaired(BEFORE, REPAIRED_BADLY[name], EXPECTED, Control())


def test_what_the_fault_does_alone_is_not_blamed_on_the_run() -> None:
    """A daemon's restart starts one neighbour anew and leaves the other down; a third state is still seen."""
    control = Control.learnt(
        BEFORE, with_containers(BEFORE, API, replace(SIDE, status="exited"), replace(STORE, started_at="t9"))
    )
    same = with_containers(BEFORE, API, replace(SIDE, status="exited"), replace(STORE, started_at="t8"))
    assert oracle.as_before(BEFORE, same, EXPECTED, control) == []
    down = with_containers(BEFORE, API, replace(SIDE, status="exited"), replace(STORE, status="exited"))
    assert oracle.as_before(BEFORE, down, EXPECTED, control)


def record(status: RunStatus, code: str | None = None, rollback: RollbackOutcome | None = None) -> RunRecord:
    """A record that claims this."""
    return RunRecord(
        run_id="r", workflow_id="w", instruction="x", created_at=datetime.now(UTC),
        status=status, code=code, rollback=rollback,
    )  # fmt: skip


COMPLETE = RollbackOutcome(complete=True)
LIES: dict[str, tuple[RunRecord, str, list[str | None]]] = {
    "success": (record(RunStatus.SUCCEEDED), "as_before", ["succeeded"]),
    "open journal": (record(RunStatus.SUCCEEDED), "repaired", [None]),
    "undone": (record(RunStatus.ROLLED_BACK), "neither", ["rolled_back"]),
    "cancelled": (record(RunStatus.CANCELLED), "repaired", []),
    "rejected": (record(RunStatus.REJECTED), "neither", []),
    "failed": (record(RunStatus.FAILED, "build_failed"), "neither", []),
    "running": (record(RunStatus.RUNNING), "as_before", []),
    "incomplete": (record(RunStatus.FAILED, "rollback_incomplete"), "neither", ["rolled_back"]),
    "no word": (record(RunStatus.FAILED, "rollback_incomplete"), "neither", [None]),
    "journal": (record(RunStatus.FAILED, "journal_settled"), "as_before", ["succeeded"]),
    "claim": (record(RunStatus.FAILED, "x", COMPLETE), "repaired", ["succeeded"]),
}
TRUTHS: dict[str, tuple[RunRecord, str, list[str | None]]] = {
    "success": (record(RunStatus.SUCCEEDED), "repaired", ["succeeded"]),
    "nothing to do": (record(RunStatus.SUCCEEDED, "nothing_to_repair"), "as_before", []),
    "undone": (record(RunStatus.ROLLED_BACK, "x", COMPLETE), "as_before", ["rolled_back"]),
    "settled": (record(RunStatus.FAILED, "journal_settled"), "repaired", ["succeeded"]),
}


@pytest.mark.parametrize("name", LIES)
def test_a_record_that_claims_what_was_not_measured_is_caught(name: str) -> None:
    """The record's word counts only where it is the oracle's."""
    assert oracle.judge_claims(*LIES[name])


@pytest.mark.parametrize("name", TRUTHS)
def test_a_true_record_passes(name: str) -> None:
    """Also a reset run that met a settled journal."""
    assert oracle.judge_claims(*TRUTHS[name]) == []
