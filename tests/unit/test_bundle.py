"""Bundles that hold, that were altered, and that lie about themselves (SPEC FR-011, I6)."""

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from starter.bundle.anchoring import anchor_in, not_checked
from starter.bundle.places import Folder, Places
from starter.bundle.verifying import (
    Anchor,
    AnchorState,
    BundleCheck,
    FileVerdict,
    check_bundle,
    manifest_of,
)
from tests.unit.bundle_samples import FILES, bundle, lying_manifest
from tests.unit.record_samples import SUCCEEDED, artifact
from workflows.errors import OrchestratorError
from workflows.models.manifest import MANIFEST_NAME

HOLDS = Anchor(state=AnchorState.HOLDS, words="run result")


def check(folder: Path, anchor: Anchor = HOLDS) -> BundleCheck:
    """What verify-bundle finds."""
    place = Folder(folder)
    return check_bundle(place, manifest_of(place), anchor)


def told(found: BundleCheck) -> dict[str, str]:
    """Names of everything that is not simply intact."""
    return {file.name: str(file.verdict) for file in found.files if file.verdict is not FileVerdict.INTACT}


def test_a_whole_bundle_holds(tmp_path: Path) -> None:
    """Every file is intact, also the empty one."""
    found = check(bundle(tmp_path))
    assert (found.sound, found.complete, told(found)) == (True, True, {})
    assert len(found.files) == len(FILES)


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def instead(path: Path, make: Callable[[Path], object]) -> None:
    """Put something else where a file was; the file itself becomes ``copy``."""
    path.rename(path.with_name("copy"))
    make(path)


def swap(one: Path, other: Path) -> None:
    """Let two files change their names."""
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


Damage = Callable[[Path], object]
LOG = "build.log"
NO_FILE = {LOG: "not a file", "copy": "other file"}
DAMAGES: list[tuple[str, Damage, dict[str, str]]] = [
    ("one bit", lambda f: flip(f / LOG), {LOG: "altered"}),
    ("longer", lambda f: (f / LOG).write_bytes(FILES[LOG] + b"x"), {LOG: "altered"}),
    ("emptied", lambda f: (f / "patch.diff").write_bytes(b""), {"patch.diff": "altered"}),
    ("filled", lambda f: (f / "build.2.log").write_bytes(b"x"), {"build.2.log": "altered"}),
    ("gone", lambda f: (f / "analyze.log").unlink(), {"analyze.log": "missing"}),
    ("added", lambda f: (f / "verify.log").write_bytes(b"fine"), {"verify.log": "unknown evidence"}),
    ("link outside", lambda f: instead(f / LOG, lambda p: p.symlink_to("/etc/passwd")), NO_FILE),
    ("link to its own bytes", lambda f: instead(f / LOG, lambda p: p.symlink_to("copy")), NO_FILE),
    ("directory", lambda f: instead(f / LOG, Path.mkdir), NO_FILE),
    ("pipe", lambda f: instead(f / LOG, os.mkfifo), NO_FILE),
    (
        "two swapped",
        lambda f: swap(f / "analyze.log", f / "patch.diff"),
        {"analyze.log": "altered", "patch.diff": "altered"},
    ),
]
NAMES = [row[0] for row in DAMAGES]


@pytest.mark.parametrize(("damage", "expected"), [row[1:] for row in DAMAGES], ids=NAMES)
def test_every_damage_is_named(tmp_path: Path, damage: Damage, expected: dict[str, str]) -> None:
    """The file and what happened to it, and the bundle does not hold."""
    damage(bundle(tmp_path))
    found = check(tmp_path)
    assert (found.sound, told(found)) == (False, expected)


def test_other_files_are_named_and_harmless(tmp_path: Path) -> None:
    """Notes, an unfinished download, a directory of one's own."""
    bundle(tmp_path)
    (tmp_path / "NOTES.txt").write_text("mine")
    (tmp_path / ".build.log.part").write_text("half")
    (tmp_path / "screenshots").mkdir()
    found = check(tmp_path)
    assert (found.sound, found.complete) == (True, True)
    assert told(found) == dict.fromkeys(("NOTES.txt", ".build.log.part", "screenshots"), "other file")


def test_what_the_run_could_not_store_makes_it_incomplete_not_false(tmp_path: Path) -> None:
    """The manifest says so itself; if it is here after all, somebody made it."""
    bundle(tmp_path)
    lying_manifest(tmp_path, entry={"missing": True})
    name = next(iter(FILES))
    (tmp_path / name).unlink()
    found = check(tmp_path)
    assert (found.sound, found.complete, told(found)) == (True, False, {name: "never stored"})
    (tmp_path / name).write_bytes(FILES[name])
    assert (check(tmp_path).sound, told(check(tmp_path))) == (False, {name: "unknown evidence"})


LIES: list[tuple[str, Damage, str]] = [
    ("path traversal", lambda f: lying_manifest(f, entry={"name": "../../etc/passwd"}), "no artifact's name"),
    ("absolute path", lambda f: lying_manifest(f, entry={"name": "/etc/passwd"}), "no artifact's name"),
    ("hidden name", lambda f: lying_manifest(f, entry={"name": ".ssh"}), "no artifact's name"),
    ("newline in name", lambda f: lying_manifest(f, entry={"name": "a.log\n"}), "no artifact's name"),
    ("itself", lambda f: lying_manifest(f, entry={"name": MANIFEST_NAME}), "no artifact's name"),
    ("twice", lambda f: lying_manifest(f, entry={"name": "patch.diff"}), "twice"),
    ("huge size", lambda f: lying_manifest(f, entry={"size_bytes": 1 << 60}), "impossible"),
    ("number without end", lambda f: lying_manifest(f, entry={"size_bytes": 10**400}), "impossible"),
    ("negative size", lambda f: lying_manifest(f, entry={"size_bytes": -1}), "impossible"),
    ("size in words", lambda f: lying_manifest(f, entry={"size_bytes": "16"}), "size_bytes"),
    ("no checksum", lambda f: lying_manifest(f, entry={"sha256": "ab" * 31 + "zz"}), "sha256"),
    ("another schema", lambda f: lying_manifest(f, schema_version=3), "schema_version"),
    ("no run", lambda f: lying_manifest(f, run_id="../x"), "run_id"),
    ("entries missing", lambda f: lying_manifest(f, artifacts="all of them"), "artifacts"),
    ("no json", lambda f: (f / MANIFEST_NAME).write_bytes(b"\xff\xfe{"), "is not one"),
    ("deep json", lambda f: (f / MANIFEST_NAME).write_bytes(b"[" * 100_000), "is not one"),
    ("too large", lambda f: (f / MANIFEST_NAME).write_bytes(b" " * (5 << 20)), "larger"),
    ("too many", lambda f: lying_manifest(f, copies=10_001), "more than"),
    ("a link", lambda f: instead(f / MANIFEST_NAME, lambda p: p.symlink_to("copy")), "cannot be read"),
    ("a directory", lambda f: instead(f / MANIFEST_NAME, Path.mkdir), "cannot be read"),
    ("none", lambda f: (f / MANIFEST_NAME).unlink(), "has no manifest.json"),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "words"), [row[1:] for row in LIES], ids=[row[0] for row in LIES])
def test_a_manifest_that_cannot_be_true_is_refused(tmp_path: Path, lie: Damage, words: str) -> None:
    """bundle_refused with what is wrong; nothing it names is opened."""
    lie(bundle(tmp_path))
    with pytest.raises(OrchestratorError) as caught:
        check(tmp_path)
    assert caught.value.code == "bundle_refused"
    assert words in caught.value.message


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A path to nothing, and a file."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(OrchestratorError, match="bundle_refused"):
            check(path)


def test_a_claimed_size_is_no_reason_to_read(tmp_path: Path) -> None:
    """A file larger than its entry says is altered by its size alone; memory does not grow with a file."""
    bundle(tmp_path)
    with (tmp_path / "build.log").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with (tmp_path / "analyze.log").open("wb") as file:
        file.truncate(64 << 20)
    lying_manifest(tmp_path, entry={"size_bytes": 64 << 20})
    tracemalloc.start()
    found = check(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told(found) == {"build.log": "altered", "analyze.log": "altered"}
    details = {file.name: file.detail for file in found.files}
    assert details["build.log"] == f"{1 << 40} bytes, the manifest says {len(FILES['build.log'])}"
    assert peak < 8 << 20


def test_a_file_counts_where_it_is_found_first(tmp_path: Path) -> None:
    """Store before spool; together they are one bundle."""
    bundle(tmp_path / "store")
    (tmp_path / "spool").mkdir()
    (tmp_path / "store" / "build.log").rename(tmp_path / "spool" / "build.log")
    (tmp_path / "spool" / "analyze.log").write_text("another")
    places = Places(
        (Folder(tmp_path / "store"), Folder(tmp_path / "spool"), Folder(tmp_path / "no", optional=True))
    )
    assert check_bundle(places, manifest_of(places), HOLDS).sound


def test_the_anchor_is_the_runs_own_result(tmp_path: Path) -> None:
    """A manifest made anew fits its files, but not the result; without a result nobody vouches for it."""
    read = manifest_of(Folder(bundle(tmp_path)))
    named = SUCCEEDED.model_copy(update={"artifacts": (artifact(MANIFEST_NAME, sha256=read.sha256),)})
    assert anchor_in(named, read) == HOLDS
    other = named.model_copy(update={"artifacts": (artifact(MANIFEST_NAME),)})
    broken = anchor_in(other, read)
    assert broken.state is AnchorState.BROKEN
    assert not check(tmp_path, broken).sound
    assert anchor_in(None, read).state is anchor_in(SUCCEEDED, read).state is AnchorState.NOT_CHECKED
    assert check(tmp_path, not_checked("Temporal does not answer")).sound
