"""Evidence survives: a store that is down never fails a step (I6, SPEC FR-011)."""

import asyncio
import errno
import hashlib
import json
import os
import re
import resource
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.artifact_store import (
    ArtifactStore,
    artifact_id,
    artifact_name,
    artifact_type,
)
from activities.adapters.artifact_writer import CUT
from activities.adapters.state_dir import StateDir
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState

RUN = "0190a1b2-run"


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A store in a fresh state directory."""
    return ArtifactStore.in_state_dir(StateDir(tmp_path / "state"))


def block(path: Path) -> None:
    """Put a file where a directory should be: nothing can be written below it, not even by root."""
    if path.is_dir():
        for child in path.iterdir():
            child.rmdir()
        path.rmdir()
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "round_number", "expected", "kind"),
    [
        ("build.log", 1, "build.log", "build"),
        ("build.log", 2, "build.2.log", "build"),
        ("service-before.log", 3, "service-before.3.log", "service-before"),
        ("events.jsonl", 1, "events.jsonl", "events"),
    ],
)
def test_names_carry_the_round(name: str, round_number: int, expected: str, kind: str) -> None:
    """Round 1 is plain, later rounds are numbered; the type is the same in all."""
    assert artifact_name(name, round_number) == expected
    assert artifact_type(expected) == kind


@given(st.text(), st.text())
def test_ids_have_moonminds_shape(run_id: str, name: str) -> None:
    """`art_` and 26 Crockford characters, the same for the same run and name."""
    made = artifact_id(run_id, name)
    assert re.fullmatch(r"art_[0-7][0-9A-HJKMNP-TV-Z]{25}", made)
    assert made == artifact_id(run_id, name)
    assert made != artifact_id(run_id, name + "x")


async def test_stored_evidence_can_be_checked(store: ArtifactStore) -> None:
    """File, checksum, size, content type and retention agree; nothing stays in the spool."""
    artifact = await store.put(RUN, "verify.log", b"fine\n")
    path = store.depot.root / "spec_workflows" / RUN / "verify.log"
    assert artifact.uri == path.as_uri()
    assert artifact.state is ArtifactState.STORED
    assert hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256
    assert artifact.size_bytes == 5
    assert artifact.content_type.startswith("text/plain")
    assert artifact.retain_until - artifact.created_at == timedelta(days=90)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list((store.spool / RUN).iterdir())
    assert await store.read(artifact) == b"fine\n"


async def test_a_growing_artifact_is_visible_at_once(store: ArtifactStore) -> None:
    """An operator can follow the build while it runs (SPEC FR-005)."""
    writer = store.open(RUN, "build.log")
    writer.write(b"step 1\n")
    path = store.waiting.path(RUN, "build.log")
    assert path.read_bytes() == b"step 1\n"
    writer.write(b"step 2\n")
    assert path.read_bytes() == b"step 1\nstep 2\n"
    artifact = await writer.close()
    assert artifact.state is ArtifactState.STORED
    assert await store.read(artifact) == b"step 1\nstep 2\n"
    again = store.open(RUN, "build.log")
    again.write(b"retried\n")
    assert await store.read(await again.close()) == b"retried\n"


async def test_store_down_spools_and_delivers_later(store: ArtifactStore) -> None:
    """The repair goes on, the evidence says where it is and comes over when the store is back."""
    block(store.depot.root)
    put = await store.put(RUN, "restart.log", b"up\n")
    writer = store.open(RUN, "build.log")
    writer.write(b"built\n")
    grown = await writer.close()
    assert put.state is grown.state is ArtifactState.SPOOLED
    assert put.uri == (store.spool / RUN / "restart.log").as_uri()
    assert {a.state for a in await store.deliver(RUN)} == {ArtifactState.SPOOLED}
    store.depot.root.unlink()
    delivered = await store.deliver(RUN)
    assert [(a.name, a.state, a.sha256) for a in delivered] == [
        ("build.log", ArtifactState.STORED, grown.sha256),
        ("restart.log", ArtifactState.STORED, put.sha256),
    ]
    assert await store.read(put) == b"up\n"  # by its old address, too
    assert await store.deliver(RUN) == ()


async def test_spool_down_goes_straight_to_the_store(store: ArtifactStore) -> None:
    """One of the two places is enough."""
    block(store.spool)
    artifact = await store.put(RUN, "plan.json", b"{}")
    writer = store.open(RUN, "build.log")
    writer.write(b"x")
    assert artifact.state is (await writer.close()).state is ArtifactState.STORED
    assert await store.read(artifact) == b"{}"


async def test_both_down_is_missing_and_says_so(store: ArtifactStore) -> None:
    """Nothing raises; the checksum still tells what it would have been."""
    block(store.spool)
    block(store.depot.root)
    artifact = await store.put(RUN, "plan.json", b"{}")
    writer = store.open(RUN, "build.log")
    writer.write(b"{}")
    grown = await writer.close()
    assert artifact.state is grown.state is ArtifactState.MISSING
    assert artifact.sha256 == grown.sha256 == hashlib.sha256(b"{}").hexdigest()
    with pytest.raises(OrchestratorError, match="artifact_unreadable"):
        await store.read(artifact)


async def test_a_full_disk_fails_no_step(tmp_path: Path) -> None:
    """A real write error in the middle (file size limit of the process) leaves a `missing` artifact."""
    state = StateDir(tmp_path / "state")

    def limited() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        store = ArtifactStore.in_state_dir(state)

        async def main() -> int:
            writer = store.open(RUN, "build.log")
            for _ in range(3):
                writer.write(b"x" * 4000)
            grown = await writer.close()
            put = await store.put(RUN, "plan.json", b"y" * 5000)
            cut = store.waiting.path(RUN, "build.log").read_bytes()
            (brought,) = await store.deliver(RUN)  # what there is, is evidence, and says that it is cut
            if not cut.startswith(b"xxx") or not cut.endswith(CUT) or brought.size_bytes != len(cut):
                return 3
            fine = await store.put(RUN, "verify.log", b"fits")
            states = (grown.state, put.state, fine.state)
            wanted = (ArtifactState.MISSING, ArtifactState.MISSING, ArtifactState.STORED)
            return 0 if states == wanted and grown.size_bytes == 12000 else 1

        return asyncio.run(main())

    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = limited()
        finally:
            os._exit(code)
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


async def test_tampering_is_noticed(store: ArtifactStore) -> None:
    """Bytes that do not match the checksum are not handed out as evidence."""
    artifact = await store.put(RUN, "plan.json", b"{}")
    (store.depot.root / "spec_workflows" / RUN / "plan.json").write_bytes(b"[]")
    with pytest.raises(OrchestratorError, match="artifact_unreadable"):
        await store.read(artifact)


async def test_the_manifest_names_every_artifact_once(store: ArtifactStore) -> None:
    """A retried step's later version counts; the manifest does not list itself."""
    old = await store.put(RUN, "build.log", b"1")
    new = await store.put(RUN, "build.log", b"2")
    plan = await store.put(RUN, "plan.json", b"{}")
    first = await store.manifest(RUN, (old, plan, new))
    again = await store.manifest(RUN, (old, plan, new, first))
    assert again.sha256 == first.sha256
    document = json.loads(await store.read(again))
    assert [(entry["name"], entry["sha256"]) for entry in document["artifacts"]] == [
        ("build.log", new.sha256),
        ("plan.json", plan.sha256),
    ]


@pytest.mark.parametrize("name", ["../x.log", "a/b.log", ".log", "x", "build..log", "BUILD.log"])
async def test_only_known_shapes_become_file_names(store: ArtifactStore, name: str) -> None:
    """A name never leaves the run's directory."""
    with pytest.raises(ValueError, match="not an artifact name"):
        await store.put(RUN, name, b"")


async def test_an_error_while_moving_keeps_the_spooled_copy(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool's copy goes only after the store's is durable."""
    real = os.fsync

    def full(fd: int) -> None:
        if "artifacts" in str(Path(f"/proc/self/fd/{fd}").readlink()):
            raise OSError(errno.ENOSPC, "full")
        real(fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        artifact = await store.put(RUN, "plan.json", b"{}")
    assert artifact.state is ArtifactState.SPOOLED
    assert await store.read(artifact) == b"{}"
    assert [a.state for a in await store.deliver(RUN)] == [ArtifactState.STORED]
