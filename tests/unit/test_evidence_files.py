"""Where evidence is looked for, and what counts as it (SPEC FR-011, I6)."""

import hashlib
import os
from pathlib import Path

import pytest

from starter.evidence import EvidenceFiles
from tests.unit.record_samples import RUN_ID, artifact
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState, RunArtifact

DATA = b"#1 FROM python\n"


def log(**changes: object) -> RunArtifact:
    """build.log with its real checksum, in a place where nothing is."""
    sha256 = hashlib.sha256(DATA).hexdigest()
    fields = {"uri": "file:///nowhere/build.log", "sha256": sha256, "size_bytes": len(DATA)} | changes
    return artifact("build.log").model_copy(update=fields)


def place(state: Path, root: str, data: bytes = DATA) -> Path:
    """Write the log into the store or the spool of a state directory."""
    parts = {"store": ("artifacts", "spec_workflows"), "spool": ("spool",)}[root]
    path = state.joinpath(*parts, RUN_ID, "build.log")
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("root", ["store", "spool"])
@pytest.mark.parametrize(
    "uri", ["file:///nowhere/build.log", f"s3://bucket/spec_workflows/{RUN_ID}/build.log"]
)
async def test_it_is_found_where_it_is_by_now(tmp_path: Path, root: str, uri: str) -> None:
    """Whatever the record says: this machine's store and spool are looked into as well."""
    place(tmp_path, root)
    assert await EvidenceFiles(tmp_path).read(log(uri=uri), RUN_ID) == DATA


async def test_a_wrong_copy_does_not_hide_a_right_one(tmp_path: Path) -> None:
    """Only bytes with the recorded checksum count."""
    place(tmp_path, "store", b"#1 FROM pythno\n")
    place(tmp_path, "spool")
    assert await EvidenceFiles(tmp_path).read(log(), RUN_ID) == DATA


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x", b"#1 FROM pythno\n", b""])
async def test_other_bytes_are_corrupt(tmp_path: Path, data: bytes) -> None:
    """Shorter, longer, changed, empty."""
    place(tmp_path, "store", data)
    with pytest.raises(OrchestratorError, match="artifact_corrupt"):
        await EvidenceFiles(tmp_path).read(log(), RUN_ID)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "artifact_unreadable"),
        ({"state": ArtifactState.MISSING}, "artifact_unreadable"),
        ({"uri": "s3://bucket/spec_workflows/x/build.log"}, "artifact_elsewhere"),
        ({"uri": "file:///dev/zero"}, "artifact_unreadable"),
        ({"uri": "file:///etc"}, "artifact_unreadable"),
        ({"uri": "file:///a%00b"}, "artifact_unreadable"),
        ({"uri": "http://127.0.0.1:1/x"}, "artifact_unreadable"),
    ],
)
async def test_what_cannot_be_had_says_why(tmp_path: Path, changes: dict[str, object], code: str) -> None:
    """No file, never stored, a store that is not configured here, a device, a directory, no path."""
    with pytest.raises(OrchestratorError) as caught:
        await EvidenceFiles(tmp_path).read(log(**changes), RUN_ID)
    assert caught.value.code == code


async def test_a_link_or_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """Neither a link to the right bytes, nor a pipe that would wait for ever."""
    path = place(tmp_path, "store")
    path.rename(tmp_path / "right")
    path.symlink_to(tmp_path / "right")
    with pytest.raises(OrchestratorError, match="artifact_unreadable"):
        await EvidenceFiles(tmp_path).read(log(), RUN_ID)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OrchestratorError, match="artifact_unreadable"):
        await EvidenceFiles(tmp_path).read(log(), RUN_ID)


def test_a_run_or_name_that_is_no_plain_one_becomes_no_path(tmp_path: Path) -> None:
    """``../`` in a name or a run id is never joined to the state directory."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "secret").write_bytes(DATA)
    for run_id, name in (("..", "secret"), (RUN_ID, "../../secret")):
        with pytest.raises(OrchestratorError, match="artifact_unreadable"):
            EvidenceFiles(tmp_path).open(log(name=name), run_id)


@pytest.mark.parametrize(
    ("root", "state"), [("store", ArtifactState.STORED), ("spool", ArtifactState.SPOOLED)]
)
def test_spooled_evidence_is_stored_once_it_was_delivered(
    tmp_path: Path, root: str, state: ArtifactState
) -> None:
    """The record stays as it was; what is shown is how it is by now."""
    path = place(tmp_path, root)
    spooled = log(state=ArtifactState.SPOOLED)
    (now,) = EvidenceFiles(tmp_path).states((spooled,), RUN_ID)
    assert now.state is state
    assert now.uri == (path.as_uri() if state is ArtifactState.STORED else spooled.uri)
