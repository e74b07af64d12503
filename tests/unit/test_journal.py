"""The journal can restore what was changed, whatever instant everything stopped at (I4, I8)."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from activities.adapters import file_swap
from activities.adapters.journal import Guard, Journal, JournalEntry, JournalStore
from activities.adapters.state_dir import StateDir
from activities.adapters.workspace import FileImage, Workspace
from tests.unit.state_samples import NOW, journal
from workflows.errors import OrchestratorError
from workflows.models.record import RollbackOutcome


@pytest.fixture
def store(tmp_path: Path) -> JournalStore:
    """A store in a fresh state directory."""
    return JournalStore(StateDir(tmp_path / "state"), lock_timeout_seconds=0.3, now=lambda: NOW)


def sha(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def entry(path: str, before: bytes | None, *written: bytes) -> JournalEntry:
    """An entry for a file with this content."""
    return JournalEntry(
        path=path, resolved=path, existed=before is not None, mode=0o640,
        before=None if before is None else sha(before), written=tuple(sha(data) for data in written),
    )  # fmt: skip


def test_opened_once_and_again_by_a_retry(store: JournalStore, tmp_path: Path) -> None:
    """The retry of a step gets the journal that is there, not a new rollback point."""
    first = store.open(journal(tmp_path))
    later = journal(tmp_path).model_copy(update={"policy_digest": "another"})
    assert store.open(later) == first == store.read("run-1")
    assert store.open(journal(tmp_path, generation=2)).generation == 2
    directory = store.state.journals / "run-1.1"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "journal.json").stat().st_mode & 0o777 == 0o600


def test_pre_images_are_private_checked_and_kept(store: JournalStore, tmp_path: Path) -> None:
    """A later round adds what it writes; the pre-image stays the one before round 1."""
    store.open(journal(tmp_path))
    guard = store.guard("run-1", 1, 1)
    store.append_entry(guard, entry("f", b"original", b"one"), b"original")
    store.append_entry(guard, entry("f", b"one", b"two"), b"one")
    store.append_entry(guard, entry("f", b"one", b"two"), b"one")
    after = store.append_entry(guard, entry("new", None, b"x"), None)
    assert [e.path for e in after.entries] == ["f", "new"]
    kept = after.entry("f")
    assert kept is not None
    assert kept.before == sha(b"original")
    assert kept.written == (sha(b"one"), sha(b"two"))
    assert store.pre_image(after, "f") == b"original"
    assert store.pre_image(after, "new") is None
    (stored,) = (store.state.journals / "run-1.1" / "pre").iterdir()
    assert stored.stat().st_mode & 0o777 == 0o600
    stored.write_bytes(b"tampered")
    with pytest.raises(OrchestratorError, match="checksum is wrong"):
        store.pre_image(after, "f")


def test_a_raised_epoch_stops_every_earlier_holder(store: JournalStore, tmp_path: Path) -> None:
    """A late or zombie activity changes nothing and hears who took over."""
    store.open(journal(tmp_path))
    early = store.guard("run-1", 1, 0)
    early.check()
    assert store.raise_epoch("run-1", 1, "recover") == 2
    attempts: list[Callable[[], object]] = [
        early.check,
        lambda: store.append_entry(early, entry("f", b"a"), b"a"),
        lambda: store.settle(early, by="report", outcome="succeeded"),
        lambda: store.record_rollback(early, RollbackOutcome(complete=True), None),
    ]
    for attempt in attempts:
        with pytest.raises(OrchestratorError, match="settled by recover") as caught:
            attempt()
        assert caught.value.code == "journal_settled"
    assert store.read("run-1").entries == ()
    store.guard("run-1", 1, 2).check()


def test_settled_is_final(store: JournalStore, tmp_path: Path) -> None:
    """The same settlement again is fine, anything else is refused."""
    store.open(journal(tmp_path))
    guard = store.guard("run-1", 1, 1)
    settled = store.settle(guard, by="report", outcome="succeeded")
    assert settled.settled is not None
    assert settled.settled.at == NOW
    assert store.settle(guard, by="recover", outcome="succeeded") == settled
    with pytest.raises(OrchestratorError, match="journal_settled"):
        store.settle(guard, by="recover", outcome="rolled_back")
    with pytest.raises(OrchestratorError, match="journal_settled"):
        store.raise_epoch("run-1", 1, "recover")
    with pytest.raises(OrchestratorError, match="journal_settled"):
        guard.check()


def test_unsettled_are_listed_by_project(store: JournalStore, tmp_path: Path) -> None:
    """What `project_busy` and `recover` look at."""
    for run_id, project in (("a", "shop"), ("b", "shop"), ("c", "blog")):
        store.open(journal(tmp_path, run_id, project))
    store.settle(store.guard("a", 1, 1), by="report", outcome="succeeded")
    assert [j.run_id for j in store.unsettled("shop")] == ["b"]
    assert [j.run_id for j in store.unsettled()] == ["b", "c"]
    (store.state.journals / "d.1").mkdir()  # killed before the journal was complete: nothing was changed
    assert [j.run_id for j in store.unsettled()] == ["b", "c"]


def test_a_rollback_that_finds_nothing_shuts_the_door(store: JournalStore, tmp_path: Path) -> None:
    """A patch step that comes late cannot open a journal, so it cannot write."""
    assert store.forbid("run-1", 1)
    assert store.forbid("run-1", 1)
    with pytest.raises(OrchestratorError, match="journal_settled"):
        store.open(journal(tmp_path))
    assert store.find("run-1") is None
    assert store.all() == ()
    store.open(journal(tmp_path, "run-2"))
    assert not store.forbid("run-2", 1)
    assert store.find("run-2") is not None


def test_volumes_are_noted_before_their_containers_go(store: JournalStore, tmp_path: Path) -> None:
    """A rollback that is killed in between still knows what this run made."""
    store.open(journal(tmp_path))
    guard = store.guard("run-1", 1, 1)
    store.record_volumes(guard, ("b",))
    assert store.record_volumes(guard, ("a", "b")).volumes_made == ("a", "b")
    assert store.read("run-1").volumes_made == ("a", "b")


def test_missing_and_damaged(store: JournalStore, tmp_path: Path) -> None:
    """Both have a code; a damaged journal is never taken for a settled one."""
    with pytest.raises(OrchestratorError, match="journal_missing"):
        store.read("none")
    with pytest.raises(OrchestratorError, match="journal_missing"):
        store.raise_epoch("none", 1, "recover")
    with pytest.raises(OrchestratorError, match="invalid_request"):
        store.read("../../etc")
    store.open(journal(tmp_path))
    (store.state.journals / "run-1.1" / "journal.json").write_text("{")
    for attempt in (lambda: store.read("run-1"), lambda: store.unsettled("shop")):
        with pytest.raises(OrchestratorError, match="journal_unreadable"):
            attempt()


async def test_holding_is_lock_and_right_in_one(store: JournalStore, tmp_path: Path) -> None:
    """A step that holds the lock with an old epoch, or that does not get it, changes nothing."""
    store.open(journal(tmp_path))
    async with store.holding("shop", "run-1", 1, 1) as guard:
        guard.check()
        with pytest.raises(OrchestratorError, match="lock_timeout"):
            async with store.locked("shop"):
                raise AssertionError("two writers")
        store.raise_epoch("run-1", 1, "recover")  # needs no project lock: that is what stops a zombie
        with pytest.raises(OrchestratorError, match="journal_settled"):
            guard.check()
    with pytest.raises(OrchestratorError, match="journal_settled"):
        async with store.holding("shop", "run-1", 1, 1):
            raise AssertionError("an old epoch was let in")


async def test_concurrent_edits_lose_nothing(store: JournalStore, tmp_path: Path) -> None:
    """A take-over in the middle of a write is never overwritten by that write."""
    store.open(journal(tmp_path))

    def write(number: int) -> bool:
        try:
            store.append_entry(store.guard("run-1", 1, 1), entry(f"f{number}", b"a"), b"a")
        except OrchestratorError:
            return False
        return True

    writes = [asyncio.to_thread(write, number) for number in range(30)]
    done = await asyncio.gather(*writes, asyncio.to_thread(store.raise_epoch, "run-1", 1, "recover"))
    after = store.read("run-1")
    assert after.epoch == done.pop() == 2
    assert len(after.entries) == sum(done)


def test_a_full_disk_has_a_code_and_changes_nothing(
    store: JournalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither half a journal nor an entry without its pre-image."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OrchestratorError, match=r"write_failed.*No space left"):
            store.open(journal(tmp_path))
    assert store.find("run-1") is None
    opened = store.open(journal(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OrchestratorError, match=r"write_failed.*No space left"):
            store.append_entry(store.guard("run-1", 1, 1), entry("f", b"a", b"b"), b"a")
    assert store.read("run-1") == opened


class Cut(BaseException):
    """The power goes out: nothing after this call happens."""


@dataclass
class Power:
    """Lets a number of system calls pass, then cuts; a cut write may have written a part."""

    calls_left: int
    names: tuple[str, ...] = (
        "open", "write", "fsync", "rename", "replace", "link", "unlink", "mkdir", "fchmod", "fchown",
    )  # fmt: skip

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Count every call that changes the disk; ``Path`` methods end in the same functions."""
        for name in self.names:
            real = getattr(os, name)
            patch.setattr(os, name, self._counted(name, real))
        patch.setattr(file_swap, "_renameat2", self._counted("renameat2", file_swap._renameat2))

    def _counted(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            if self.calls_left <= 0:
                if name == "write" and self.calls_left == 0:
                    real(args[0], bytes(args[1])[:3])  # type: ignore[call-overload]
                self.calls_left = -1
                raise Cut(name)
            self.calls_left -= 1
            return real(*args, **kwargs)

        return call


FILES = {"f": (b"original f\n", b"patched f\n"), "sub/g": (b"original g\n", b"patched g\n")}
NEW = ("new", b"made\n")


def patch_like_the_step(store: JournalStore, workspace: Workspace, root: Path) -> None:
    """Journal, all entries, then the writes: the order the patch step keeps."""
    store.open(journal(root))
    guard = store.guard("run-1", 1, 1)
    plan = [*((path, after) for path, (_, after) in FILES.items()), NEW]
    images = {path: workspace.inspect(path) for path, _ in plan}
    for path, after in plan:
        store.append_entry(guard, entry(path, images[path].data, after), images[path].data)
    for path, after in plan:
        image = images[path]
        fresh = FileImage(after, image.mode, image.uid, image.gid)
        workspace.write_atomic(path, fresh, image.sha256)


def restore(store: JournalStore, found: Journal, workspace: Workspace) -> None:
    """What a rollback does to the files."""
    for item in found.entries:
        workspace.sweep(item.path, item.before, item.written)
        now = workspace.hash(item.path)
        if now == item.before:
            continue
        assert now in item.written, f"{item.path} is neither old nor ours"
        before = store.pre_image(found, item.path)
        if before is None:
            workspace.remove(item.path, now or "")
        else:
            workspace.write_atomic(item.path, FileImage(before, item.mode, os.getuid(), os.getgid()), now)


def listing(root: Path) -> dict[str, bytes]:
    """Every file of the project with its content."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("stage", ["patch", "rollback"])
def test_power_cut_at_every_system_call(tmp_path: Path, stage: str) -> None:
    """Cut before each call in turn: the files are untouched, or the journal restores every one of them."""
    cut_at, finished = 0, False
    while not finished:
        root = tmp_path / f"{cut_at}"
        project = root / "project"
        (project / "sub").mkdir(parents=True)
        for path, (before, _) in FILES.items():
            (project / path).write_bytes(before)
        original = listing(project)
        store = JournalStore(StateDir(root / "state"), now=lambda: NOW)
        workspace = Workspace(journal(project).target)
        if stage == "rollback":
            patch_like_the_step(store, workspace, project)
        power = Power(cut_at)
        with pytest.MonkeyPatch.context() as patch:
            power.install(patch)
            try:
                if stage == "patch":
                    patch_like_the_step(store, workspace, project)
                else:
                    restore(store, store.read("run-1"), workspace)
                finished = True
            except Cut:
                pass
        # a new process: everything is read from disk again
        found = JournalStore(store.state).find("run-1", 1)
        if found is None:
            assert listing(project) == original
        else:
            restore(store, found, workspace)
            assert listing(project) == original, f"cut before call {cut_at}"
        cut_at += 1
    assert cut_at > 25  # the sequence really has that many places to be cut at


def test_a_journal_of_an_older_version_is_read(store: JournalStore, tmp_path: Path) -> None:
    """Fields added later have defaults; unknown ones do not disturb."""
    store.open(journal(tmp_path))
    path = store.state.journals / "run-1.1" / "journal.json"
    document = json.loads(path.read_text())
    for name in ("rollback", "proof", "raised_by", "dry_run_before"):
        del document[name]
    path.write_text(json.dumps({**document, "from_the_future": 1}))
    assert store.read("run-1").epoch == 1
    assert isinstance(store.guard("run-1", 1, 1), Guard)
