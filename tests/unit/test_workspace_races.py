"""Between every look and every write somebody else is at work: nothing outside changes, no edit is lost.

Another process swaps or saves at random instants, thousands of times; syncing to disk is left out, which
changes no order of names and makes the instants denser.
"""

import errno
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from activities.adapters import file_swap
from activities.adapters.workspace import FileImage, Workspace
from tests.unit import adversary
from tests.unit.state_samples import target
from workflows.errors import OrchestratorError

PATH = "api/requirements.txt"
BASE, OURS = b"base\n", b"ours\n"
ATTEMPTS = 1500
SECONDS = 2.0
"""A busy machine makes fewer attempts, never fewer than ``AT_LEAST``."""
AT_LEAST = 50


class Adversary:
    """The other process; its attempt runs while the caller's does."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def begin(self) -> None:
        """Let it make one attempt."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Wait until it is over."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"\n", "the adversary died"


@contextmanager
def adversary_at(kind: str, root: Path) -> Iterator[Adversary]:
    """One adversary process, ended in any case."""
    argv = [sys.executable, adversary.__file__, kind, str(root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Adversary(process)
        finally:
            process.kill()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, another directory in it, and a canary with the same content outside."""
    for directory in ("shop/api", "shop/other", "outside"):
        (tmp_path / directory).mkdir(parents=True)
        (tmp_path / directory / "requirements.txt").write_bytes(BASE)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return tmp_path


def image(data: bytes) -> FileImage:
    """A file of ours."""
    return FileImage(data, 0o644, os.geteuid(), os.getegid())


def outcome(workspace: Workspace, what: str = "write", expected: bytes = BASE) -> str:
    """The code of one attempt, or ``written``; anything that is no catalogue error is a bug and raised."""
    try:
        if what == "remove":
            workspace.remove(PATH, image(expected).sha256 or "")
        else:
            workspace.write_atomic(PATH, image(OURS), image(expected).sha256)
    except OrchestratorError as error:
        return error.code
    return "written"


def attempts() -> Iterator[int]:
    """Numbers until there are enough or the time is over."""
    until = time.monotonic() + SECONDS
    for number in range(ATTEMPTS):
        yield number
        if number >= AT_LEAST and time.monotonic() > until:
            return


def leftovers(root: Path) -> list[str]:
    """Temporary names of ours, anywhere."""
    return [str(path) for path in root.rglob("*mm-orchestrator*")]


@pytest.mark.parametrize(
    "kind",
    [
        "swap_file_for_symlink",
        "swap_file_for_hard_link",
        "swap_directory_for_symlink",
        "swap_directory_for_another",
    ],
)
def test_swapped_between_check_and_write(root: Path, kind: str) -> None:
    """The canary keeps content and inode, nothing is left anywhere, and both outcomes were met (I1)."""
    workspace, canary = Workspace(target(root / "shop", "api/requirements*.txt")), root / "outside"
    before, counted = (canary / "requirements.txt").stat(), Counter[str]()
    with adversary_at(kind, root) as other:
        for _ in attempts():
            for name in ("api", "other"):
                (root / "shop" / name / "requirements.txt").write_bytes(BASE)
            other.begin()
            counted[outcome(workspace)] += 1
            other.end()
            assert (canary / "requirements.txt").read_bytes() == BASE
    after = (canary / "requirements.txt").stat()
    assert (after.st_ino, after.st_nlink, after.st_mtime_ns) == (before.st_ino, 1, before.st_mtime_ns)
    assert [path.name for path in canary.iterdir()] == ["requirements.txt"]
    assert leftovers(root) == []
    assert set(counted) <= {"written", "foreign_change", "diff_not_allowed", "diff_invalid", "write_failed"}
    assert counted["written"] > 0
    assert len(counted) > 1, "the adversary never came between: this test proved nothing"


@pytest.mark.parametrize("what", ["write", "remove"])
@pytest.mark.parametrize("kind", ["save_by_rename", "save_twice_by_rename", "save_in_place", "delete"])
def test_saved_between_check_and_write(root: Path, kind: str, what: str) -> None:
    """Whoever was first, what the user did is what is there at the end (I8)."""
    workspace, counted = Workspace(target(root / "shop", "api/requirements*.txt")), Counter[str]()
    file = root / "shop" / PATH
    with adversary_at(kind, root) as other:
        for number in attempts():
            file.write_bytes(BASE)
            other.begin()
            counted[outcome(workspace, what)] += 1
            other.end()
            now = file.read_bytes() if file.exists() else None
            assert now == (None if kind == "delete" else adversary.THEIRS), (number, counted)
            assert leftovers(root) == []
    assert set(counted) <= {"written", "foreign_change"}
    assert counted["foreign_change"] > 0, "the user never came between: this test proved nothing"


@pytest.mark.parametrize("kind", ["swap_file_for_symlink", "swap_file_for_hard_link", "save_in_place"])
def test_without_an_exchange(root: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system that cannot exchange names the canary still never changes; saves in place are kept."""

    def unsupported(*_: object) -> None:
        raise file_swap.UnsupportedError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(file_swap, "_renameat2", unsupported)
    workspace, file = Workspace(target(root / "shop", "api/requirements*.txt")), root / "shop" / PATH
    counted = Counter[str]()
    with adversary_at(kind, root) as other:
        for number in attempts():
            file.write_bytes(BASE)
            other.begin()
            counted[outcome(workspace)] += 1
            other.end()
            assert (root / "outside/requirements.txt").read_bytes() == BASE
            assert kind != "save_in_place" or file.read_bytes() == adversary.THEIRS, (number, counted)
            assert leftovers(root) == []
    assert counted["written"] + counted["foreign_change"] > 0
