"""The last instants of a write, one by one: what comes between is put back and said (I8)."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.adapters import file_swap, replacing
from activities.adapters.workspace import FileImage, Workspace
from tests.unit.state_samples import target
from workflows.errors import OrchestratorError

PATH = "api/requirements.txt"
OURS = FileImage(b"ours\n", 0o644, os.geteuid(), os.getegid())
BASE = FileImage(b"base\n", 0o644, os.geteuid(), os.getegid())
SWAP = ".requirements.txt.mm-orchestrator.swap"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file, beside a directory with a canary of the same content."""
    for name in ("shop/api", "outside"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "requirements.txt").write_bytes(b"base\n")
    return tmp_path / "shop" / PATH


@pytest.fixture
def workspace(file: Path) -> Workspace:
    """The file may be written."""
    return Workspace(target(file.parents[1], "api/requirements*.txt"))


def rename_over(file: Path) -> None:
    """An editor's save."""
    spare = file.with_name("spare")
    spare.write_bytes(b"theirs\n")
    spare.replace(file)


def write_into(file: Path) -> None:
    """A save in place."""
    file.write_bytes(b"theirs\n")


def become_symlink(file: Path) -> None:
    """The file leads out."""
    file.unlink()
    file.symlink_to(file.parents[2] / "outside/requirements.txt")


def become_hard_link(file: Path) -> None:
    """The file is the canary."""
    file.unlink()
    file.hardlink_to(file.parents[2] / "outside/requirements.txt")


def become_directory(file: Path) -> None:
    """No file at all."""
    file.unlink()
    file.mkdir()


def get_second_name(file: Path) -> None:
    """The very file gets a second name outside."""
    (file.parents[2] / "outside/second.txt").hardlink_to(file)


def move_directory_out(file: Path) -> None:
    """The directory leaves the workspace; a link leads to it."""
    file.parent.rename(file.parents[2] / "outside/api")
    file.parent.symlink_to(file.parents[2] / "outside/api")


MEANWHILE = [
    rename_over, write_into, become_symlink, become_hard_link, become_directory, get_second_name,
    move_directory_out,
]  # fmt: skip


def state(root: Path) -> dict[str, object]:
    """Names, kinds, inodes and contents."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_ino,
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(root.rglob("*"))
    }


def before_exchange(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Act once, at the last instant before names change places: every look is over."""
    real, done = file_swap.exchange, []

    def exchange(directory: int, one: str, other: str) -> None:
        if not done:
            done.append(True)
            act()
        real(directory, one, other)

    monkeypatch.setattr(replacing, "exchange", exchange)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda act: act.__name__)
def test_after_the_last_look(
    workspace: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Path], None]
) -> None:
    """Everything is as that other person left it, inode for inode, and the answer is ``foreign_change``."""
    root, left = file.parents[2], {}

    def act() -> None:
        meanwhile(file)
        left.update(state(root))

    before_exchange(monkeypatch, act)
    with pytest.raises(OrchestratorError, match="foreign_change"):
        workspace.write_atomic(PATH, OURS, BASE.sha256)
    assert {name: facts for name, facts in left.items() if "mm-orchestrator" not in name} == state(root)


def test_an_editor_that_has_the_file_open_is_heard(
    workspace: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opened the file before and writes after: what it writes lands in the file that has the name."""
    editors: list[int] = []
    before_exchange(monkeypatch, lambda: editors.append(os.open(file, os.O_WRONLY)))
    with pytest.raises(OrchestratorError, match="foreign_change"):
        workspace.write_atomic(PATH, OURS, BASE.sha256)
    os.write(editors[0], b"theirs")
    os.close(editors[0])
    assert file.read_bytes() == b"theirs"
    workspace.write_atomic(PATH, OURS, FileImage(b"theirs").sha256)  # closed: nothing is in the way


def test_a_reader_is_no_obstacle(workspace: Workspace, file: Path) -> None:
    """An indexer or an open pager keeps the old content and stops nothing."""
    with file.open("rb") as reader:
        workspace.write_atomic(PATH, OURS, BASE.sha256)
        assert reader.read() == b"base\n"
    assert file.read_bytes() == b"ours\n"


def test_killed_with_an_edit_in_its_hands(
    workspace: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after the exchange that displaced an edit: the next sweep puts the edit back."""

    class Killed(BaseException):
        """Nothing after this happens."""

    def die(*_: object) -> None:
        raise Killed

    before_exchange(monkeypatch, lambda: rename_over(file))
    monkeypatch.setattr(replacing.Slot, "_judge", die)
    with pytest.raises(Killed):
        workspace.write_atomic(PATH, OURS, BASE.sha256)
    assert file.read_bytes() == b"ours\n"
    monkeypatch.undo()
    with pytest.raises(OrchestratorError, match="foreign_change"):
        workspace.sweep(PATH, BASE.sha256, (OURS.sha256 or "",))
    assert file.read_bytes() == b"theirs\n"
    assert [path.name for path in file.parent.iterdir()] == ["requirements.txt"]


def test_a_name_of_ours_that_is_not_ours(workspace: Workspace, file: Path) -> None:
    """A repository that brings such a file along: neither deleted, nor put in the file's place."""
    (file.parent / SWAP).write_bytes(b"brought along\n")
    with pytest.raises(OrchestratorError, match=r"foreign_change.*swap"):
        workspace.write_atomic(PATH, OURS, BASE.sha256)
    workspace.sweep(PATH, BASE.sha256, (OURS.sha256 or "",))
    assert file.read_bytes() == b"base\n"
    assert (file.parent / SWAP).read_bytes() == b"brought along\n"


@pytest.mark.parametrize("meanwhile", [write_into, become_symlink, become_directory, rename_over])
def test_without_an_exchange_the_last_look_still_counts(
    workspace: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Path], None]
) -> None:
    """Where names cannot change places: whoever comes before the second name is given is heard."""

    def unsupported(*_: object) -> None:
        raise file_swap.UnsupportedError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(file_swap, "_renameat2", unsupported)
    root, left = file.parents[2], {}

    def act() -> None:
        meanwhile(file)
        left.update(state(root))

    before_exchange(monkeypatch, act)
    with pytest.raises(OrchestratorError, match=r"foreign_change|write_failed"):
        workspace.write_atomic(PATH, OURS, BASE.sha256)
    assert {name: facts for name, facts in left.items() if "mm-orchestrator" not in name} == state(root)
    monkeypatch.undo()
    monkeypatch.setattr(file_swap, "_renameat2", unsupported)
    if meanwhile is not become_directory:
        file.unlink()
        workspace.write_atomic(PATH, OURS, None)
        workspace.remove(PATH, OURS.sha256 or "")
        assert not file.exists()


def test_a_file_that_is_too_large_is_not_read(workspace: Workspace, file: Path) -> None:
    """The bound holds for every read; the file is left alone."""
    with file.open("r+b") as stream:
        stream.truncate(replacing.MAX_FILE_BYTES)
    assert workspace.hash(PATH) is not None
    with file.open("r+b") as stream:
        stream.truncate(replacing.MAX_FILE_BYTES + 1)
    with pytest.raises(OrchestratorError, match=r"diff_not_allowed.*8 MiB"):
        workspace.read(PATH)
