"""What a diff must look like before anybody interprets it: bounded, and every line in its place.

Parsers forgive: they skip what they do not know, and two of them skip different things. Here a line is a
header in its place, part of a hunk whose counts are right, or words outside every change; anything else
is refused. One pass, so that the work is bounded by the size.
"""

import re
import unicodedata

from workflows.errors import OrchestratorError

MAX_DIFF_BYTES = 1024 * 1024
MAX_DIFF_LINES = 50_000
MAX_DIFF_HUNKS = 5_000
MAX_DIFF_FILES = 200

_HUNK = re.compile(r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@(?: .*)?\r?")
_EXTENDED = re.compile(
    r"index [0-9a-f]+\.\.[0-9a-f]+( 100644| 100755| 100664)?|new file mode (100644|100664)"
)
_EPOCH = ("1969-12-31 ", "1970-01-01 ")
"""How ``diff -N`` dates a file that is absent, whatever its name says; git then creates or deletes it."""
_NO_NEWLINE = "\\ No newline at end of file"
_NEW_FILE = "new file mode "
_GIT = "diff --git "
_REFUSED = {
    "rename ": "it renames a file",
    "copy ": "it copies a file",
    "similarity index": "it renames or copies a file",
    "deleted file": "it deletes a file",
    "old mode": "it changes a file's mode",
    "new mode": "it changes a file's mode",
    "GIT binary patch": "it is binary",
    "Binary file": "it is binary",
    "diff --cc": "it is the combined diff of a merge",
    "diff --combined": "it is the combined diff of a merge",
    "@@@": "it is the combined diff of a merge",
    "Submodule ": "it changes a submodule",
}
_LOOSE = ("@@", "+", "-", " ", "\\", "index ", _NEW_FILE)
"""How no word outside a change begins, once the first change was seen."""


def require_shape(diff: str) -> tuple[int, int]:
    """Refuse what is too large, or has a line in no place that a plain edit or new file gives it.

    Returns:
        how many files and how many hunks whoever interprets it must find.

    Raises:
        OrchestratorError: ``diff_too_large``; ``diff_invalid``, with the line.
    """
    _require_size(diff)
    reader = _Reader(diff)
    reader.read()
    return reader.files, reader.hunks


def _require_size(diff: str) -> None:
    if len(diff) > MAX_DIFF_BYTES:
        raise _too_large(f"{len(diff)} characters, {MAX_DIFF_BYTES} are read")
    try:
        size = len(diff.encode())
    except UnicodeEncodeError as error:
        raise _invalid("it is not UTF-8 text") from error
    if size > MAX_DIFF_BYTES:
        raise _too_large(f"{size} bytes, {MAX_DIFF_BYTES} are read")
    if "\0" in diff:
        raise _invalid("it is binary; only edits and new files are possible")
    for what, count, limit in (
        ("lines", diff.count("\n"), MAX_DIFF_LINES),
        ("hunks", diff.count("\n@@ "), MAX_DIFF_HUNKS),
        ("files", diff.count("\n+++ "), MAX_DIFF_FILES),
    ):
        if count > limit:
            raise _too_large(f"{count} {what}, {limit} are read")


class _Reader:
    """Walks over the lines once; ``at`` counts them from 0."""

    def __init__(self, diff: str) -> None:
        lines = diff.split("\n")
        self.cut = lines[-1] != ""
        """The last line has no end."""
        self.lines = lines if self.cut else lines[:-1]
        self.at = 0
        self.delta = 0
        """By how many lines the new file is ahead of the old one so far."""

        self.files = self.hunks = 0

    def read(self) -> None:
        while (line := self.peek()) is not None:
            if line.startswith(_GIT):
                self.git_file()
            elif line.startswith("--- ") and (self.files or (self.peek(1) or "").startswith("+++ ")):
                self.files += 1
                self.names(None)
            else:
                self.words(line)
                self.at += 1

    def words(self, line: str) -> None:
        """Mail headers before the first change, its signature after the last one; nothing that changes."""
        self.refuse_operations(line)
        if line == "-- ":
            return
        if self.files and line.startswith(_LOOSE):
            raise self.wrong("belongs to no hunk")
        if line.startswith(("@@", "+++ ")):
            raise self.wrong("comes before any file")

    def git_file(self) -> None:
        self.files += 1
        path = _git_path(self.take())
        if path is None:
            raise self.wrong("names two files: it renames one, or the name is quoted", -1)
        creates = False
        while (line := self.peek()) is not None and line and not line.startswith(("--- ", _GIT, "-- ")):
            self.refuse_operations(line)
            if not _EXTENDED.fullmatch(line):
                raise self.wrong(f"is no header that an edit or a new plain file has: {line[:60]!r}")
            creates = self.take().startswith(_NEW_FILE) or creates
        if line is not None and line.startswith("--- "):
            self.names((f"a/{path}" if not creates else "/dev/null", f"b/{path}", path))
        elif not creates:
            raise self.wrong(f"{path}: it changes nothing", -1)

    def names(self, expected: tuple[str, str, str] | None) -> None:
        """``---``, ``+++``, and at least one hunk."""
        source, target = self.name("--- "), self.name("+++ ")
        if target == "/dev/null":
            raise self.wrong(f"{source}: it deletes a file; only edits and new files are possible", -1)
        if expected is not None:
            old, new, bare = expected
            plain = bare if old != "/dev/null" else old
            if (source, target) not in {(old, new), (plain, bare)}:
                raise self.wrong(f"names another file than the header before it: {source}, {target}", -1)
        self.delta, first = 0, self.hunks
        while (self.peek() or "").startswith("@@ "):
            self.hunks += 1
            self.hunk()
        if self.hunks == first:
            raise self.wrong(f"is no hunk of {target}: it changes nothing")
        if source == "/dev/null" and self.hunks > first + 1:
            raise self.wrong("a new file has one hunk", -1)

    def name(self, prefix: str) -> str:
        line = self.take()
        if not line.startswith(prefix):
            raise self.wrong(f"is no {prefix}header", -1)
        self.refuse_unseen(line)
        name, _, date = line.removeprefix(prefix).partition("\t")
        if date.startswith(_EPOCH):
            raise self.wrong(f"says by the date of {name} that there is no such file", -1)
        return name

    def hunk(self) -> None:
        match = _HUNK.fullmatch(self.take())
        if match is None:
            raise self.wrong("is no hunk header", -1)
        old_start, new_start = int(match[1]), int(match[3])
        old, new = (1 if count is None else int(count) for count in (match[2], match[4]))
        begins_old, begins_new = old_start - (old > 0), new_start - (new > 0)
        if begins_old < 0 or begins_new != begins_old + self.delta:
            raise self.wrong("is a hunk whose line numbers do not fit each other", -1)
        self.delta += new - old
        self.body(old, new)

    def body(self, old: int, new: int) -> None:
        before = ""
        while old > 0 or new > 0 or self.peek() == _NO_NEWLINE:
            line = self.take_in_hunk(before)
            old -= line[:1] in {" ", "-", ""}
            new -= line[:1] in {" ", "+", ""}
            if old < 0 or new < 0:
                raise self.wrong("makes its hunk longer than the header says", -1)
            before = line

    def take_in_hunk(self, before: str) -> str:
        line = self.peek()
        if line is None:
            raise self.wrong("is missing: the hunk is shorter than its header says")
        marks = line.startswith("\\")
        if line[:1] not in {"", " ", "+", "-", "\\"} or (marks and line != _NO_NEWLINE):
            raise self.wrong("is no line of a hunk: it is shorter than its header says")
        if marks and (not before or before.startswith("\\")):
            raise self.wrong("marks no line")
        return self.take()

    def peek(self, ahead: int = 0) -> str | None:
        place = self.at + ahead
        return self.lines[place] if place < len(self.lines) else None

    def take(self) -> str:
        """The next line of a change; git, too, calls one without its end corrupt."""
        if self.cut and self.at == len(self.lines) - 1:
            raise self.wrong("has no end: the diff was cut")
        line = self.peek() or ""
        self.at += 1
        return line

    def refuse_operations(self, line: str) -> None:
        for prefix, reason in _REFUSED.items():
            if line.startswith(prefix):
                raise self.wrong(f"{reason}; only edits and new files are possible")

    def refuse_unseen(self, line: str) -> None:
        if any(char != "\t" and unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} for char in line):
            raise self.wrong("holds a control or invisible character")

    def wrong(self, what: str, shift: int = 0) -> OrchestratorError:
        return _invalid(f"line {self.at + shift + 1} {what}")


def _git_path(line: str) -> str | None:
    """The one name in ``diff --git a/NAME b/NAME`` or, without prefixes, ``diff --git NAME NAME``."""
    both = line.removeprefix(_GIT)
    half = len(both) // 2
    one, gap, other = both[:half], both[half : half + 1], both[half + 1 :]
    if gap != " " or '"' in both:
        return None
    if one.startswith("a/") and other == f"b/{one[2:]}":
        return one[2:]
    return one if one == other else None


def _invalid(detail: str) -> OrchestratorError:
    return OrchestratorError("diff_invalid", detail=detail)


def _too_large(detail: str) -> OrchestratorError:
    return OrchestratorError("diff_too_large", detail=detail)
