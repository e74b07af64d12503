"""Bad input: hostile patches write nothing, inside or outside the project (I1)."""

import shutil

import pytest

from tests.acceptance.bench import Bench, check_failed, check_refused
from tests.acceptance.stacks import broken_shop
from workflows.models.record import RunRecord
from workflows.models.status import StepName


def edit(path: str, *, old: str = "# packages", new: str = "humanize") -> str:
    """A plain one-line edit of a file."""
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1,2 @@\n {old}\n+{new}\n"


def create(path: str, mode: str = "100644") -> str:
    """A new file, as git writes it."""
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
        "@@ -0,0 +1 @@\n+new\n"
    )


DIFFS: dict[str, str] = {
    "climbs": edit("../outside.txt", old="out of reach"),
    "absolute": "--- /etc/hostname\n+++ /etc/hostname\n@@ -1 +1 @@\n-a\n+b\n",
    "compose file": edit("compose.yaml", old="services:", new="  evil: {image: busybox}"),
    "env file": edit(".env", old="COLOUR=red", new="COMPOSE_FILE=evil.yaml"),
    "source code": edit("api/app.py", old="import signal"),
    "another service's manifest": create("store/requirements-dev.txt"),
    "git hook": create(".git/hooks/post-checkout", "100755"),
    "rename": "diff --git a/api/requirements.txt b/api/requirements-dev.txt\nsimilarity index 100%\n"
    "rename from api/requirements.txt\nrename to api/requirements-dev.txt\n",
    "delete": "diff --git a/api/requirements.txt b/api/requirements.txt\ndeleted file mode 100644\n"
    "--- a/api/requirements.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-# packages\n",
    "mode change": "diff --git a/api/Dockerfile b/api/Dockerfile\nold mode 100644\nnew mode 100755\n",
    "symbolic link": create("api/requirements-dev.txt", "120000"),
    "binary": "diff --git a/api/requirements.txt b/api/requirements.txt\nindex 1..2 100644\n"
    "GIT binary patch\nliteral 3\nKcmZQzU|;|M00aO5\n\n",
    "does not fit": edit("api/requirements.txt", old="# another first line"),
    "one good, one bad": edit("api/requirements.txt") + edit("compose.yaml", old="services:"),
    "changes nothing": "--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -1 +1 @@\n # packages\n",
    "no diff at all": "please add humanize\n",
    "too many lines": "--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -1 +1,301 @@\n # packages\n"
    + "".join(f"+humanize{n}\n" for n in range(300)),
}


@pytest.fixture(scope="module")
def answers(bench: Bench) -> dict[str, RunRecord]:
    """What became of every patch; the shop is untouched."""
    return bench.run_all(
        {case: {"instruction": "apply the patch", "patch": diff} for case, diff in DIFFS.items()}
    )


@pytest.mark.parametrize("case", DIFFS)
def test_a_hostile_patch_writes_nothing(answers: dict[str, RunRecord], case: str) -> None:
    """Outside, beside the allow list, binary, or no patch: refused in the plan step, zero writes (I1)."""
    record = check_failed(answers[case], "diff_not_allowed", "diff_invalid", "diff_too_large")
    assert record.failure is not None
    assert record.failure.step is StepName.PLAN
    assert record.plan is None


@pytest.mark.parametrize("case", ["climbs", "compose file", "binary"])
def test_the_command_says_why(bench: Bench, case: str) -> None:
    """``run --patch FILE``: exit 5, one JSON document with the path or the reason."""
    patch = bench.operator.root / "hostile.diff"
    patch.write_text(DIFFS[case])
    record = check_refused(
        bench.run("api", "apply the patch", "--patch", str(patch)), "diff_not_allowed", "diff_invalid"
    )
    assert record.failure is not None
    words = {"climbs": "../outside.txt", "compose file": "compose.yaml", "binary": "binary"}
    assert words[case] in record.failure.message


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "linked directory"])
def test_a_patch_through_a_link_writes_nothing(bench: Bench, kind: str) -> None:
    """A name on the allow list that leads elsewhere is refused on what it leads to."""
    project = bench.project(broken_shop("humanize"))
    manifest = project.directory / "api/requirements.txt"
    manifest.unlink()
    outside, path = bench.outside, "api/requirements.txt"
    if kind == "symbolic link":
        manifest.symlink_to(outside)
    elif kind == "hard link":
        manifest.hardlink_to(outside)
    else:
        elsewhere = bench.operator.root / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "requirements.txt").write_text(outside.read_text())
        (project.directory / "api/sub").symlink_to(elsewhere)
        path = "api/sub/requirements.txt"
    patch = edit(path, old="out of reach")
    bench.serve(project)
    try:
        asked: dict[str, object] = {"instruction": "apply it", "patch": patch, "project": project.name}
        check_failed(bench.run_all({"it": asked})["it"], "diff_not_allowed")
        if kind == "linked directory":
            assert (elsewhere / "requirements.txt").read_text() == outside.read_text()
    finally:
        bench.serve()
        shutil.rmtree(project.directory)


def test_a_patch_that_is_no_text_begins_no_run(bench: Bench) -> None:
    """Bytes that are no UTF-8, and a patch larger than a request may be: exit 2."""
    patch = bench.operator.root / "bytes.diff"
    for data in (b"\xff\xfe\x00binary", b"+x\n" * 500_000, b"+x\n" * 100_000):
        patch.write_bytes(data)
        ran = bench.run("api", "apply the patch", "--patch", str(patch))
        assert (ran.code, ran.stdout) == (2, "")
        assert "patch" in ran.stderr
