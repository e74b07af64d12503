"""No write outside the allow list or over somebody else's work (I1, I8, SPEC FR-003)."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from activities.adapters import workspace as workspace_module
from activities.adapters.workspace import FileImage, Workspace
from tests.unit.state_samples import target
from workflows.errors import OrchestratorError

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project directory beside a file that nobody may touch."""
    (tmp_path / "secret.txt").write_bytes(b"outside")
    root = tmp_path / "project"
    (root / "api").mkdir(parents=True)
    (root / "api/requirements.txt").write_bytes(b"flask\r\n")
    (root / "app.py").write_bytes(b"code")
    return root


@pytest.fixture
def workspace(project: Path) -> Workspace:
    """The usual allow list."""
    return Workspace(
        target(project, "api/**/requirements*.txt", "api/Dockerfile", "link/**", "**/Dockerfile*")
    )


def test_write_is_exact_and_keeps_mode_and_owner(workspace: Workspace, project: Path) -> None:
    """Content byte for byte, mode as asked, nothing left beside it."""
    path = project / "api/requirements.txt"
    path.chmod(0o754)
    image = workspace.inspect("api/requirements.txt")
    assert (image.data, image.mode, image.uid) == (b"flask\r\n", 0o754, path.stat().st_uid)
    fresh = FileImage(b"flask\r\nredis\r\n", image.mode, image.uid, image.gid)
    workspace.write_atomic("api/requirements.txt", fresh, image.sha256)
    assert workspace.inspect("api/requirements.txt") == fresh
    assert [p.name for p in (project / "api").iterdir()] == ["requirements.txt"]


@ROOT_ONLY
def test_owner_and_attributes_go_with_the_file(workspace: Workspace, project: Path) -> None:
    """A worker that runs as root leaves the user's files the user's."""
    path = project / "api/requirements.txt"
    os.chown(path, 1234, 5678)
    path.chmod(0o6755)
    try:
        os.setxattr(path, "user.note", b"kept")
        noted = True
    except OSError:  # this file system has no user attributes
        noted = False
    image = workspace.inspect("api/requirements.txt")
    workspace.write_atomic("api/requirements.txt", FileImage(b"x", image.mode, 1234, 5678), image.sha256)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 5678, 0o6755)
    assert not noted or os.getxattr(path, "user.note") == b"kept"


def test_new_file_and_removal(workspace: Workspace, project: Path) -> None:
    """A new file appears only where none is; it goes only as it was made."""
    fresh = FileImage(b"FROM x\n", 0o644, os.geteuid(), os.getegid())
    assert workspace.hash("api/Dockerfile") is None
    workspace.write_atomic("api/Dockerfile", fresh, None)
    assert (project / "api/Dockerfile").read_bytes() == b"FROM x\n"
    with pytest.raises(OrchestratorError, match="foreign_change"):
        workspace.write_atomic("api/Dockerfile", fresh, None)
    with pytest.raises(OrchestratorError, match="foreign_change"):
        workspace.remove("api/Dockerfile", "0" * 64)
    workspace.remove("api/Dockerfile", fresh.sha256 or "")
    assert not (project / "api/Dockerfile").exists()


def test_foreign_change_is_kept(workspace: Workspace, project: Path) -> None:
    """What somebody else wrote meanwhile is reported, not overwritten."""
    path = project / "api/requirements.txt"
    expected = workspace.hash("api/requirements.txt")
    path.write_bytes(b"theirs")
    with pytest.raises(OrchestratorError, match=r"foreign_change.*api/requirements\.txt"):
        workspace.write_atomic("api/requirements.txt", FileImage(b"ours"), expected)
    assert path.read_bytes() == b"theirs"
    assert [p.name for p in path.parent.iterdir()] == ["requirements.txt"]


def test_foreign_change_at_the_last_instant_is_kept(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash is checked after the new content is on disk, right before the rename."""
    path = project / "api/requirements.txt"
    expected = workspace.hash("api/requirements.txt")
    real = os.fsync

    def edit_meanwhile(fd: int) -> None:
        real(fd)
        path.write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", edit_meanwhile)
    image = FileImage(b"ours", 0o644, os.geteuid(), os.getegid())
    with pytest.raises(OrchestratorError, match="foreign_change"):
        workspace.write_atomic("api/requirements.txt", image, expected)
    assert path.read_bytes() == b"theirs"


def make_links(project: Path) -> None:
    """All kinds of names that lead elsewhere."""
    outside = project.parent
    (project / "api/requirements-abs.txt").symlink_to(outside / "secret.txt")
    (project / "api/requirements-rel.txt").symlink_to("../../secret.txt")
    (project / "api/requirements-app.txt").symlink_to("../app.py")
    (project / "api/requirements-gone.txt").symlink_to("nowhere/at/all")
    (project / "api/requirements-loop.txt").symlink_to("requirements-loop.txt")
    (project / "api/requirements-hard.txt").hardlink_to(project / "app.py")
    os.mkfifo(project / "api/requirements-fifo.txt")
    (project / "api/requirements-dir.txt").mkdir()
    (project / "link").symlink_to(outside)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("app.py", "diff_not_allowed"),
        ("../secret.txt", "diff_not_allowed"),
        ("api/../app.py", "diff_not_allowed"),
        ("/etc/passwd", "diff_not_allowed"),
        ("", "diff_not_allowed"),
        ("api/requirements-abs.txt", "diff_not_allowed"),
        ("api/requirements-rel.txt", "diff_not_allowed"),
        ("api/requirements-app.txt", "diff_not_allowed"),
        ("api/requirements-gone.txt", "diff_not_allowed"),
        ("api/requirements-loop.txt", "diff_not_allowed"),
        ("api/requirements-hard.txt", "diff_not_allowed"),
        ("api/requirements-fifo.txt", "diff_not_allowed"),
        ("api/requirements-dir.txt", "diff_not_allowed"),
        ("link/secret.txt", "diff_not_allowed"),
        ("link/new.txt", "diff_not_allowed"),
        ("api/none/requirements.txt", "diff_invalid"),
    ],
)
def test_what_leads_elsewhere_is_refused(workspace: Workspace, project: Path, path: str, code: str) -> None:
    """Every operation refuses, before anything is written."""
    make_links(project)
    image = FileImage(b"x", 0o644, os.geteuid(), os.getegid())
    for attempt in (
        lambda: workspace.read(path),
        lambda: workspace.write_atomic(path, image, None),
        lambda: workspace.remove(path, "0" * 64),
        lambda: workspace.check_writable(path),
    ):
        with pytest.raises(OrchestratorError) as caught:
            attempt()
        assert caught.value.code == code
    assert (project / "app.py").read_bytes() == b"code"
    assert (project.parent / "secret.txt").read_bytes() == b"outside"
    assert not (project.parent / "new.txt").exists()


def test_a_name_off_the_list_is_refused_though_it_leads_to_an_allowed_file(
    workspace: Workspace, project: Path
) -> None:
    """Both names count: policy speaks of the names that a plan shows."""
    (project / "notes.txt").symlink_to("api/requirements.txt")
    with pytest.raises(OrchestratorError, match="diff_not_allowed"):
        workspace.resolve("notes.txt")
    assert workspace.resolve("api/requirements.txt")


def test_a_link_to_an_allowed_file_is_followed_once(workspace: Workspace, project: Path) -> None:
    """The file behind it changes, the link stays a link."""
    link = project / "api/requirements-prod.txt"
    link.symlink_to("requirements.txt")
    file = workspace.resolve("api/requirements-prod.txt")
    assert (file.path, file.resolved) == ("api/requirements-prod.txt", "api/requirements.txt")
    image = workspace.inspect(file.path)
    workspace.write_atomic(file.path, FileImage(b"x", image.mode, image.uid, image.gid), image.sha256)
    assert link.is_symlink()
    assert (project / "api/requirements.txt").read_bytes() == b"x"


def test_a_directory_swapped_for_a_link_is_not_followed(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between check and write the directory becomes a link that leads out: refused, nothing written."""
    real = workspace_module.Workspace.resolve
    outside = project.parent / "outside"
    outside.mkdir()
    (outside / "requirements.txt").write_bytes(b"flask\r\n")

    def swap(self: Workspace, path: str) -> workspace_module.ResolvedFile:
        file = real(self, path)
        (project / "api").rename(project / "moved")
        (project / "api").symlink_to(outside)
        return file

    expected = workspace.hash("api/requirements.txt")
    monkeypatch.setattr(workspace_module.Workspace, "resolve", swap)
    with pytest.raises(OrchestratorError, match="foreign_change"):
        workspace.write_atomic("api/requirements.txt", FileImage(b"x"), expected)
    assert (outside / "requirements.txt").read_bytes() == b"flask\r\n"


def test_the_leftover_of_a_killed_write(workspace: Workspace, project: Path) -> None:
    """A temporary file does not disturb the next write, and a rollback sweeps it away."""
    leftover = project / "api/.requirements.txt.mm-orchestrator.tmp"
    leftover.write_bytes(b"half")
    image = workspace.inspect("api/requirements.txt")
    workspace.write_atomic("api/requirements.txt", image, image.sha256)
    assert not leftover.exists()
    leftover.write_bytes(b"half")
    workspace.sweep("api/requirements.txt", image.sha256, ())
    workspace.sweep("api/requirements.txt", image.sha256, ())
    assert [p.name for p in (project / "api").iterdir()] == ["requirements.txt"]


def test_a_killed_creation_can_still_be_undone(workspace: Workspace, project: Path) -> None:
    """Killed between link and unlink (no rename without replacing) the new file has two names, both ours."""
    made = project / "api/Dockerfile"
    made.write_bytes(b"FROM x\n")
    (project / "api/.Dockerfile.mm-orchestrator.swap").hardlink_to(made)
    digest = workspace.hash("api/Dockerfile")
    workspace.sweep("api/Dockerfile", None, (digest or "",))
    workspace.remove("api/Dockerfile", digest or "")
    assert [p.name for p in (project / "api").iterdir()] == ["requirements.txt"]


def test_check_writable_names_the_obstacle(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owner, space and a missing workspace each have their code and the path."""
    workspace.check_writable("api/requirements.txt", "api/Dockerfile")
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 4321)
        with pytest.raises(OrchestratorError, match=r"workspace_owner_mismatch.*runs as uid 4321"):
            workspace.check_writable()
    with monkeypatch.context() as patch:
        patch.setattr(workspace_module, "MINIMUM_FREE_BYTES", 1 << 60)
        with pytest.raises(OrchestratorError, match="disk_full"):
            workspace.check_writable()
    with pytest.raises(OrchestratorError, match="workspace_missing"):
        Workspace(target(project / "none")).check_writable()


def test_a_read_only_place_is_named() -> None:
    """A directory that its own owner cannot write; root, who could, becomes that owner for the check."""
    uid = os.geteuid() or 65534
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        os.chown(place, uid, -1)
        place.chmod(0o555)
        before = os.geteuid()
        os.seteuid(uid)
        try:
            with pytest.raises(OrchestratorError, match="workspace_read_only"):
                Workspace(target(place)).check_writable()
        finally:
            os.seteuid(before)
            place.chmod(0o700)


def test_a_failing_disk_leaves_the_old_file(
    workspace: Workspace, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC while writing is `write_failed`, and the file is what it was."""
    expected = workspace.hash("api/requirements.txt")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OrchestratorError, match=r"write_failed.*No space left"):
            workspace.write_atomic("api/requirements.txt", FileImage(b"x"), expected)
    assert [p.read_bytes() for p in (project / "api").iterdir()] == [b"flask\r\n"]
