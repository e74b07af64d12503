"""Arbitrary diffs, paths, globs, trees: never a write outside, never another result than git's (I1)."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from activities.adapters.unified_diff import apply, make_diff, parse
from activities.adapters.workspace import FileImage, Workspace
from tests.unit.hostile_tree import witness
from tests.unit.state_samples import target
from tests.unit.test_hostile_diffs import CORPUS, EXPECTED
from workflows.allow_list import allowed, forbidden
from workflows.errors import OrchestratorError

REFUSALS = {"diff_invalid", "diff_not_allowed", "diff_too_large", "foreign_change", "write_failed"}
GIT = shutil.which("git")
NEEDS_GIT = pytest.mark.skipif(GIT is None, reason="git is optional on a host; here it is the reference")

NAME = st.sampled_from(
    ["a", "b", "A", "requirements.txt", "Dockerfile", ".git", ".env", "..", ".", "ä", "a b"]
)
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(["**", "*", "a", "b", "?", "[ab]", "[!b]*", "*.txt", "D*"])
GLOB = st.one_of(st.just("**"), st.lists(PIECES, min_size=1, max_size=4).map("/".join))
LINES = st.lists(
    st.sampled_from(["a", "b", "", " ", "-- ", "+++ b/x", "\\ x", "@@ -1 +1 @@", "ä\r"]), max_size=12
)
TEXT = st.builds(
    lambda lines, last: ("".join(line + "\n" for line in lines) + last).encode(),
    LINES,
    st.sampled_from(["", "end", "-"]),
)


@contextmanager
def only_refusals() -> Iterator[None]:
    """A refusal with one of the expected codes is fine; anything else is a bug."""
    try:
        yield
    except OrchestratorError as error:
        if error.code not in REFUSALS:
            raise


@contextmanager
def place() -> Iterator[Path]:
    """A directory of one example."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def plant(root: Path, kinds: list[tuple[str, str, str]]) -> None:
    """Grow a tree: directories, files, symbolic and hard links wherever hypothesis puts them."""
    shop = root / "shop"
    shop.mkdir()
    (root / "canary").write_bytes(b"a\n")
    (root / "secret").mkdir()
    (root / "secret/a").write_bytes(b"a\n")
    aims = {"out": root / "secret", "file": root / "canary", "up": Path(".."), "root": shop, "in": shop / "a"}
    for kind, path, aim in kinds:
        where = Path(os.path.normpath(shop / path))
        if not where.is_relative_to(shop) or where == shop:
            continue
        try:
            where.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.realpath(where.parent).startswith(str(shop)):
                continue
            if kind == "directory":
                where.mkdir()
            elif kind == "file" and not where.is_symlink():
                where.write_bytes(b"a\n")
            elif kind == "symlink":
                where.symlink_to(aims[aim])
            else:
                where.hardlink_to(root / "canary")
        except OSError:  # it is there already, or its parent is a file
            continue


TREE = st.lists(
    st.tuples(
        st.sampled_from(["directory", "file", "file", "symlink", "hardlink"]),
        PATH,
        st.sampled_from(["out", "file", "up", "root", "in"]),
    ),
    max_size=8,
)


@settings(max_examples=250, deadline=None)
@given(TREE, PATH, st.lists(GLOB, min_size=1, max_size=2))
def test_whatever_tree_path_and_globs(tree: list[tuple[str, str, str]], path: str, globs: list[str]) -> None:
    """A write that is not refused changes one regular file inside, whose real name the globs allow."""
    with place() as root:
        plant(root, tree)
        workspace, before = Workspace(target(root / "shop", *globs)), witness(root)
        refused = True
        with only_refusals():
            image = workspace.inspect(path)
            fresh = FileImage(b"ours\n", image.mode, image.uid, image.gid)
            workspace.write_atomic(path, fresh, image.sha256)
            refused = False
        after = witness(root)
        if refused:
            assert after == before
            return
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        (name,) = changed
        inside = Path(name).relative_to("shop").as_posix()
        assert allowed(path, globs)
        assert allowed(inside, globs)
        assert not forbidden(inside)
        assert (root / name).read_bytes() == b"ours\n"
        assert not (root / name).is_symlink()
        assert (root / name).lstat().st_nlink == 1


def git_applies(diff: bytes, path: str, before: bytes | None) -> bytes | None:
    """What git makes of it, None where it refuses or makes something else than this one file."""
    with place() as root:
        if before is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(before)
        argv = [GIT or "git", "apply", "--unidiff-zero", "--whitespace=nowarn", "-"]
        env = {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(root.parent), "HOME": str(root)}
        done = subprocess.run(argv, input=diff, cwd=root, capture_output=True, check=False, env=env)
        files = [file for file in root.rglob("*") if file.is_file()]
        if done.returncode != 0 or files != [root / path]:
            return None
        return files[0].read_bytes()


EXTRA = (
    "+x|-a| a||@@ -1 +1 @@|--- a/f|+++ b/f|\\ No newline at end of file|new file mode 100644|"
    "index 1..2 100644|words|diff --git a/f b/f|--- /dev/null"
)
MUTATION = st.tuples(
    st.sampled_from(["drop", "double", "swap", "number", "sign", "insert", "join"]),
    st.integers(0, 60),
    st.sampled_from(EXTRA.split("|")),
)


def mutate(diff: str, mutations: list[tuple[str, int, str]]) -> str:
    """Damage a diff line by line."""
    lines = diff.split("\n")
    for kind, where, extra in mutations:
        at = where % len(lines)
        if kind == "drop":
            lines[at : at + 1] = [] if len(lines) > 1 else lines
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "swap":
            lines[at], lines[at - 1] = lines[at - 1], lines[at]
        elif kind == "number":
            lines[at] = lines[at].replace("1", str(where % 4), 1).replace(",2", f",{where % 5}", 1)
        elif kind == "sign" and lines[at]:
            lines[at] = "+- "[where % 3] + lines[at][1:]
        elif kind == "insert":
            lines.insert(at, extra)
        elif at + 1 < len(lines):
            lines[at : at + 2] = [lines[at] + lines[at + 1]]
    return "\n".join(lines)


@NEEDS_GIT
@settings(max_examples=400, deadline=None)
@given(st.one_of(st.none(), TEXT), TEXT, st.lists(MUTATION, max_size=3))
def test_what_is_accepted_is_what_git_makes(
    before: bytes | None, after: bytes, mutations: list[tuple[str, int, str]]
) -> None:
    """A diff of ours, damaged: refused with a code, or applied to the very bytes that `git apply` gives."""
    assume(before != after)
    diff = mutate(make_diff("f", before, after), mutations)
    ours: bytes | None = None
    with only_refusals():
        patches = parse(diff)
        if [patch.path for patch in patches] != ["f"]:
            return
        ours = apply(before, patches[0])
    if ours is None:
        assert mutations, "an undamaged diff was refused"
        return
    assert ours == git_applies(diff.encode(), "f", before), diff


ONE_FILE = sorted(
    name
    for name, row in EXPECTED.items()
    if len(row.get("writes", ())) == 1 and name != "link_inside" and not name.startswith("prefix_none")
)
"""git would need to be told of missing prefixes, and writes the link itself; the corpus test has them."""


@NEEDS_GIT
@pytest.mark.parametrize("name", ONE_FILE)
def test_what_the_corpus_writes_is_what_git_writes(name: str) -> None:
    """Byte for byte."""
    ((path, after),) = EXPECTED[name]["writes"].items()
    before = {
        "api/crlf/requirements.txt": b"# packages\r\nflask==3.0.0\r\n",
        "api/requirements-new.txt": None,
    }.get(path, b"# packages\nflask==3.0.0\n")
    assert git_applies((CORPUS / f"{name}.diff").read_bytes(), path, before) == after.encode()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_arbitrary_text_is_no_diff(text: str) -> None:
    """Refused with a code, or nothing to do; never another exception."""
    with only_refusals():
        assert parse(text) == () or "+++" in text or "diff --git" in text
