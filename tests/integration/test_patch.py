"""Patch on a real Compose project: exactly the plan, over nobody's work (SPEC FR-003, FR-004; I1, I8)."""

import asyncio
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.workspace import FileImage, Workspace
from tests.integration.state_rig import (
    AFTER,
    BEFORE,
    COMPOSE,
    FILES,
    REQUIREMENTS,
    RUN,
    Rig,
)
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ServiceSnapshot, ServiceState
from workflows.models.target import Target

pytestmark = [pytest.mark.timeout(240)]


def commit_everything(directory: Path) -> None:
    """Make it a git checkout."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=directory, check=True)


async def test_patch_writes_exactly_the_plan_and_keeps_the_original(rig: Rig) -> None:
    """Content, mode, journal and evidence; a retry finds everything done."""
    (rig.workspace / REQUIREMENTS).chmod(0o640)
    plan = rig.plan({REQUIREMENTS: AFTER})
    done = await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == AFTER
    assert (rig.workspace / REQUIREMENTS).stat().st_mode & 0o777 == 0o640
    assert done.epoch == 1
    assert [(f.path, f.before, f.after) for f in done.files] == [
        (REQUIREMENTS, plan.base_hashes[REQUIREMENTS], plan.after_hashes[REQUIREMENTS])
    ]
    assert rig.journals.pre_image(rig.journal, REQUIREMENTS) == BEFORE
    assert rig.journal.snapshot.state is ServiceState.ABSENT
    assert [a.name for a in done.artifacts] == ["diff-before.patch", "diff-after.patch"]
    assert "not a git checkout" in await rig.text_of("diff-before.patch")
    assert "+redis==5.0.0" in await rig.text_of("diff-after.patch")
    again = await rig.patch(plan)
    assert again.files == done.files
    assert [a.sha256 for a in again.artifacts] == [a.sha256 for a in done.artifacts]
    assert rig.bytes_of(REQUIREMENTS) == AFTER


async def test_a_plan_without_files_opens_the_journal_only(rig: Rig) -> None:
    """A restart or rebuild needs a way back, too."""
    done = await rig.patch(rig.plan({}))
    assert done.files == ()
    assert done.artifacts == ()
    assert rig.journal.entries == ()


class RestartingEngine(DockerEngine):
    """A daemon that starts anew while its state is read."""

    async def snapshot(self, target: Target) -> ServiceSnapshot:
        """What was there just before it went down."""
        before = await super().snapshot(target)
        object.__setattr__(self, "starts", 1)
        return before

    async def daemon_mark(self) -> str | None:
        """Another thing after the start."""
        return f"start {getattr(self, 'starts', 0)}"


async def test_a_daemon_that_starts_anew_while_it_is_measured_is_noticed(rig: Rig) -> None:
    """Its stop of the containers would be taken for somebody's decision otherwise (seed 121)."""
    engine = RestartingEngine(rig.docker.client)
    rig.patch_step = replace(rig.patch_step, docker=engine)
    await rig.patch(rig.plan({}))
    assert rig.journal.daemon_mark != await engine.daemon_mark()


async def test_nothing_is_written_where_one_file_is_refused(rig: Rig) -> None:
    """The allow list is checked for all files before the first write (I1)."""
    for bad in ("compose.yaml", "../outside.txt"):
        plan = rig.plan(
            {REQUIREMENTS: AFTER, bad: b"x\n"}, {bad: None if "outside" in bad else COMPOSE.encode()}
        )
        with pytest.raises(OrchestratorError, match="diff_not_allowed"):
            await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.journals.all() == ()
    nothing = await rig.rollback()
    assert nothing.outcome.nothing_written
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}))  # a zombie that comes after the rollback
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_a_file_changed_after_the_plan_is_kept(rig: Rig) -> None:
    """`foreign_change`, and the file is what the other person made it (I8)."""
    plan = rig.plan({REQUIREMENTS: AFTER})
    (rig.workspace / REQUIREMENTS).write_bytes(b"theirs\n")
    with pytest.raises(OrchestratorError, match="foreign_change"):
        await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == b"theirs\n"


async def test_a_patch_that_died_between_two_files_is_finished(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry writes the second file only; the first is not taken for somebody's change."""
    dockerfile = FILES["api/Dockerfile"].encode()
    plan = rig.plan({"api/Dockerfile": dockerfile + b"# x\n", REQUIREMENTS: AFTER})
    real = Workspace.write_atomic
    written: list[str] = []

    def dies(self: Workspace, path: str, *args: object) -> None:
        if written:
            raise MemoryError("killed")
        written.append(path)
        real(self, path, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "write_atomic", dies)
        with pytest.raises(MemoryError):
            await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == AFTER
    assert rig.bytes_of("api/Dockerfile") == dockerfile + b"# x\n"
    outcome = (await rig.rollback()).outcome
    assert outcome.complete
    assert rig.bytes_of("api/Dockerfile") == dockerfile


async def test_a_cancelled_patch_keeps_the_lock_until_its_last_write_has_ended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that follows at once must not be overtaken by the write of a thread (I4, I7)."""
    plan, begun, write = rig.plan({REQUIREMENTS: AFTER}), asyncio.Event(), Workspace.write_atomic
    loop = asyncio.get_running_loop()

    def slow(self: Workspace, path: str, image: FileImage, expect: str | None) -> None:
        loop.call_soon_threadsafe(begun.set)
        time.sleep(1.0)
        write(self, path, image, expect)

    monkeypatch.setattr(Workspace, "write_atomic", slow)
    patch = asyncio.create_task(rig.patch(plan))
    await begun.wait()
    patch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patch
    monkeypatch.setattr(Workspace, "write_atomic", write)
    assert (await rig.rollback()).outcome.complete
    await asyncio.sleep(1.5)
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_a_later_round_is_cumulative_against_the_originals(rig: Rig) -> None:
    """Round 2 changes one file anew, gives one back, and makes one; the rollback point stays round 1's."""
    dockerfile = FILES["api/Dockerfile"].encode()
    first = await rig.patch(rig.plan({"api/Dockerfile": dockerfile + b"# x\n", REQUIREMENTS: AFTER}))
    second = AFTER + b"celery==5.3.0\r\n"
    bases: dict[str, bytes | None] = {REQUIREMENTS: BEFORE, "api/requirements-new.txt": None}
    plan = rig.plan({REQUIREMENTS: second, "api/requirements-new.txt": b"made\n"}, bases)
    done = await rig.patch(plan, rig.run(2, epoch=first.epoch))
    assert rig.bytes_of(REQUIREMENTS) == second
    assert rig.bytes_of("api/Dockerfile") == dockerfile
    assert rig.bytes_of("api/requirements-new.txt") == b"made\n"
    assert {f.path: f.before == f.after for f in done.files} == {
        REQUIREMENTS: False,
        "api/requirements-new.txt": False,
        "api/Dockerfile": True,
    }
    assert [a.name for a in done.artifacts] == ["diff-before.2.patch", "diff-after.2.patch"]
    assert rig.journals.pre_image(rig.journal, REQUIREMENTS) == BEFORE
    assert (await rig.rollback()).outcome.complete
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.bytes_of("api/requirements-new.txt") is None


async def test_another_runs_open_journal_is_respected(rig: Rig) -> None:
    """`project_busy` names the run to watch or recover (I7)."""
    await rig.patch(rig.plan({}))
    with pytest.raises(OrchestratorError, match=f"project_busy.*{RUN}"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}), rig.run(run_id="run-0002"))
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_uncommitted_edits_are_shown_kept_and_restored(rig: Rig) -> None:
    """With git: evidence of the user's own edits, no change to the index, rollback to exactly them (I8)."""
    commit_everything(rig.workspace)
    edited = b"flask==3.1.0\r\n# a comment of mine\r\nmine==1\r\n"
    (rig.workspace / REQUIREMENTS).write_bytes(edited)
    index = (rig.workspace / ".git/index").read_bytes()
    done = await rig.patch(rig.plan({REQUIREMENTS: edited + b"redis==5.0.0\r\n"}))
    before, after = await rig.text_of("diff-before.patch"), await rig.text_of("diff-after.patch")
    assert "+mine==1" in before
    assert "redis" not in before
    assert "+mine==1" in after
    assert "+redis==5.0.0" in after
    assert done.warnings == (f"{REQUIREMENTS}: uncommitted edits are there; they are kept",)
    assert (rig.workspace / ".git/index").read_bytes() == index
    assert (await rig.rollback()).outcome.complete
    assert rig.bytes_of(REQUIREMENTS) == edited
    assert (rig.workspace / ".git/index").read_bytes() == index


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_owner_and_mode_come_back(rig: Rig) -> None:
    """A worker that runs as root leaves the user's files the user's, also those it makes."""
    for path in (rig.workspace / "api", rig.workspace / REQUIREMENTS):
        os.chown(path, 1234, 1234)
    (rig.workspace / REQUIREMENTS).chmod(0o660)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER, "api/requirements-new.txt": b"x\n"}))
    for path in (REQUIREMENTS, "api/requirements-new.txt"):
        assert (rig.workspace / path).stat().st_uid == 1234
    assert (await rig.rollback()).outcome.complete
    status = (rig.workspace / REQUIREMENTS).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1234, 1234, 0o660)
