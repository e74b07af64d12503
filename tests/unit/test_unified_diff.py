"""Diffs round-trip byte for byte, and hostile ones are refused (I1, SPEC FR-004)."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters import unified_diff
from activities.adapters.unified_diff import apply, make_diff, parse
from workflows.errors import OrchestratorError

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), max_size=12)
TEXT = st.builds(
    lambda lines, last: ("".join(line + "\n" for line in lines) + last).encode(),
    st.lists(
        st.one_of(LINE, LINE.map(lambda s: s + "\r"), st.sampled_from(["a", "b", "", "-- ", "+++ b/x"]))
    ),
    LINE,
)
PATH = st.sampled_from(["requirements.txt", "app/Dockerfile", "with space/req.txt", "größe/go.mod", "a/b/c"])


@given(PATH, st.one_of(st.none(), TEXT), TEXT)
def test_what_is_made_is_read_and_applied_exactly(path: str, before: bytes | None, after: bytes) -> None:
    """make_diff, parse and apply give the after-image byte for byte: CRLF, missing last newline, empty."""
    diff = make_diff(path, before, after)
    if before == after:
        assert diff == ""
        return
    (patch,) = parse(diff)
    assert patch.path == path
    assert patch.creates == (before is None)
    assert apply(before, patch) == after


@given(TEXT, TEXT, TEXT)
def test_a_patch_fits_its_own_base_only(before: bytes, after: bytes, other: bytes) -> None:
    """Applied to another base it is refused, or every removed and context line was there after all."""
    if before == after:
        return
    (patch,) = parse(make_diff("f", before, after))
    with suppress(OrchestratorError):
        result = apply(other, patch)
        for hunk in patch.hunks:
            assert b"".join(hunk.old) in other
            assert b"".join(hunk.new) in result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n"),
        (b"a\nb", b"a\nb\nc"),
        (b"a\nb", b"a\nb\n"),
        (b"", b"x\n"),
        (b"x\n", b""),
        (None, b"new\n"),
        (None, b""),
        (b"1\n" * 30, b"0\n" + b"1\n" * 30 + b"2\n"),
    ],
)
def test_git_applies_what_we_make(tmp_path: Path, before: bytes | None, after: bytes) -> None:
    """The reported patch is `git apply`-ready (DESIGN section 2, report)."""
    file = tmp_path / "sub dir" / "requirements.txt"
    file.parent.mkdir()
    if before is not None:
        file.write_bytes(before)
    diff = make_diff("sub dir/requirements.txt", before, after)
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        input=diff.encode(),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert file.read_bytes() == after


def test_reads_what_git_makes(tmp_path: Path) -> None:
    """A patch from `git diff --no-index` is read and applied."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/f").write_bytes(b"one\r\ntwo\nthree")
    (tmp_path / "b/f").write_bytes(b"one\r\n2\nthree")
    made = subprocess.run(
        ["git", "diff", "--no-index", "--no-prefix", "a/f", "b/f"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    (patch,) = parse(made.stdout.decode())
    assert (patch.path, patch.added, patch.removed) == ("f", 1, 1)
    assert apply(b"one\r\ntwo\nthree", patch) == b"one\r\n2\nthree"


EDIT = "@@ -1 +1 @@\n-a\n+b\n"
GIT = "diff --git a/f b/f\n"


@pytest.mark.parametrize(
    ("diff", "code", "words"),
    [
        (f"--- a/../f\n+++ b/../f\n{EDIT}", "diff_not_allowed", "../f"),
        (f"--- a//etc/f\n+++ b//etc/f\n{EDIT}", "diff_not_allowed", "/etc/f"),
        (f"--- /etc/f\n+++ /etc/f\n{EDIT}", "diff_not_allowed", "/etc/f"),
        (f"--- a/./f\n+++ b/./f\n{EDIT}", "diff_not_allowed", "./f"),
        (f"--- a/f\n+++ b/g\n{EDIT}", "diff_invalid", "renames"),
        ("--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "diff_invalid", "deletes"),
        (
            f"{GIT}deleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            "diff_invalid",
            "deletes",
        ),
        (f"{GIT}old mode 100644\nnew mode 100755\n", "diff_invalid", "mode"),
        (f"{GIT}old mode 100644\nnew mode 100755\n--- a/f\n+++ b/f\n{EDIT}", "diff_invalid", "mode"),
        (
            "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n",
            "diff_invalid",
            "renames",
        ),
        ("diff --git a/f b/f\ncopy from f\ncopy to f\n", "diff_invalid", "copies"),
        (f"{GIT}index 1..2\nGIT binary patch\nliteral 3\nabc\n", "diff_invalid", "binary"),
        (f"{GIT}index 1..2 100644\nBinary files a/f and b/f differ\n", "diff_invalid", "binary"),
        (
            f"{GIT}new file mode 120000\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+/etc/passwd\n",
            "diff_invalid",
            "120000",
        ),
        (f"{GIT}index 1..2 160000\n--- a/f\n+++ b/f\n{EDIT}", "diff_invalid", "160000"),
        (f'--- "a/\\146"\n+++ "b/\\146"\n{EDIT}', "diff_invalid", "quoted"),
        (f"--- a/f\n+++ b/f\n{EDIT}+c\n", "diff_invalid", "line 6"),
        (f"--- a/f\n+++ b/f\n{EDIT} c\n", "diff_invalid", "line 6"),
        ("--- a/f\n+++ b/f\n@@ -1,2 +1 @@\n-a\n", "diff_invalid", "shorter"),
        (f"--- a/f\n+++ b/f\n{EDIT}--- a/f\n+++ b/f\n{EDIT}", "diff_invalid", "twice"),
        ("--- /dev/null\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n", "diff_invalid", "no old lines"),
        ("just words\n", "diff_invalid", "no change"),
        (f"{GIT}", "diff_invalid", "nothing"),
        (f"+++ b/f\n{EDIT}", "diff_invalid", "before any file"),
        (EDIT, "diff_invalid", "before any file"),
    ],
)
def test_hostile_and_unfit_diffs_are_refused(diff: str, code: str, words: str) -> None:
    """Each refusal names its reason."""
    with pytest.raises(OrchestratorError) as caught:
        parse(diff)
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize("diff", ["", "\n", "  \n"])
def test_an_empty_diff_changes_nothing(diff: str) -> None:
    """A plan that only rebuilds or restarts has an empty diff."""
    assert parse(diff) == ()


def test_a_mailed_patch_is_read() -> None:
    """Words before the patch and a signature after it are not part of it."""
    mail = f"From: x\n\n---\n f | 2 +-\n 1 file changed\n\n{GIT}--- a/f\n+++ b/f\n{EDIT}-- \n2.39.2\n\n"
    (patch,) = parse(mail)
    assert apply(b"a\n", patch) == b"b\n"


def test_what_is_not_text_is_refused() -> None:
    """A binary manifest or an unwritable name cannot be described by a diff."""
    for path, before in (("f", b"\xff\xfe"), ("f\n", b"a"), ('"f"', b"a")):
        with pytest.raises(OrchestratorError, match="diff_invalid"):
            make_diff(path, before, b"b\n")


def test_a_new_file_must_be_new_and_an_edit_must_find_its_file() -> None:
    """The base decides; nothing is guessed."""
    (created,) = parse("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n")
    (edited,) = parse(f"--- a/f\n+++ b/f\n{EDIT}")
    (beyond,) = parse("--- a/f\n+++ b/f\n@@ -9,0 +10 @@\n+z\n")
    with pytest.raises(OrchestratorError, match="does not fit"):
        apply(b"a\n", beyond)
    with pytest.raises(OrchestratorError, match="exists already"):
        apply(b"", created)
    with pytest.raises(OrchestratorError, match="does not exist"):
        apply(None, edited)


@pytest.mark.parametrize("changed", [(0,), (150_000,), (299_999,), (100_000, 100_500, 110_000)])
def test_a_large_file_is_compared_in_no_time(tmp_path: Path, changed: tuple[int, ...]) -> None:
    """Three hundred thousand lines, many alike: the diff is exact, and git reads it the same way."""
    old = [b"%d\n" % (n % 3_000) for n in range(300_000)]
    new = [b"new\n" + line if n in changed else line for n, line in enumerate(old)]
    before, after = b"".join(old), b"".join(new)
    begun = time.process_time()
    diff = make_diff("f", before, after)
    (patch,) = parse(diff)
    assert apply(before, patch) == after
    assert time.process_time() - begun < 5.0
    assert patch.added == len(changed)
    (tmp_path / "f").write_bytes(before)
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "f").read_bytes() == after


@given(TEXT, TEXT)
def test_common_ends_change_nothing(before: bytes, after: bytes) -> None:
    """Left out of the comparison, as in a large file, they give a diff that applies as exactly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unified_diff, "_WHOLE_LINES", 0)
        before, after = b"a\nb\n" * 4 + before + b"c\n" * 5, b"a\nb\n" * 4 + after + b"c\n" * 5
        if before != after:
            (read,) = parse(make_diff("f", before, after))
            assert apply(before, read) == after


def test_changes_far_apart_in_a_large_file_are_too_large() -> None:
    """Comparing would take minutes; no plan changes both ends of such a file."""
    lines = [b"%d\n" % (n % 3_000) for n in range(300_000)]
    with pytest.raises(OrchestratorError, match="diff_too_large"):
        make_diff("f", b"".join(lines), b"".join([b"a\n", *lines, b"z\n"]))
