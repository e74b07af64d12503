"""Unified diffs: made so that ``git apply`` takes them, read with suspicion, applied exactly.

Lines end at LF only; a CR before it is content, so Windows files survive. No fuzz, no offsets: a hunk
fits where it says or not at all. Only edits and new files exist here; everything else is refused.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchedFile, PatchSet

from activities.adapters.diff_shape import require_shape
from workflows.allow_list import plain
from workflows.errors import OrchestratorError

_NO_NEWLINE = "\\ No newline at end of file"
_DEV_NULL = "/dev/null"
_CONTEXT = 3
_WHOLE_LINES = 2_000
"""Up to here a file is compared as a whole."""
_COMPARED_LINES = 20_000
_PLAIN_MODES = {None, "100644", "100755", "100664"}


@dataclass(frozen=True)
class HunkEdit:
    """Replace ``old`` lines by ``new`` ones at ``start``, a zero-based line of the original."""

    start: int
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]


@dataclass(frozen=True)
class FilePatch:
    """The change of one file."""

    path: str
    """Relative to the workspace."""
    creates: bool
    hunks: tuple[HunkEdit, ...]
    added: int
    """Lines added."""
    removed: int
    """Lines removed."""


def make_diff(path: str, before: bytes | None, after: bytes) -> str:
    """A git-style diff of one file; empty where nothing changes. ``before`` None: a new file.

    Raises:
        OrchestratorError: ``diff_invalid`` where a text is not UTF-8 or the name cannot be written plainly;
            ``diff_too_large`` where the changes lie so far apart that comparing would take minutes.
    """
    if before == after:
        return ""
    if any(ord(char) < 32 or char in '"\\\x7f' for char in path):
        raise _invalid(f"the file name {path!r} cannot be written in a diff")
    old, new = _text_lines(path, before or b""), _text_lines(path, after)
    source = _DEV_NULL if before is None else f"a/{path}"
    tab = "\t" if " " in path else ""  # ends a name with spaces, as git does
    header = f"diff --git a/{path} b/{path}\n" + ("new file mode 100644\n" if before is None else "")
    body = list(_hunks(path, old, new))
    if not body:
        return header
    names = f"--- {source}{tab if before is not None else ''}\n+++ b/{path}{tab}\n"
    return header + names + "".join(_terminated(line) for line in body)


def parse(diff: str) -> tuple[FilePatch, ...]:
    """Read a diff made here, by git, by ``diff -u`` or by somebody hostile.

    Raises:
        OrchestratorError: ``diff_too_large`` beyond what ``require_shape`` reads; ``diff_invalid`` for
            anything but plain edits and new files, for a line that belongs to no hunk, and for a file
            named twice; ``diff_not_allowed`` for a path that is not relative and plain.
    """
    expected = require_shape(diff)
    try:
        patch_set = PatchSet(diff)
    except (UnidiffParseError, ValueError) as error:
        raise _invalid(str(error).strip()) from error
    if (len(patch_set), sum(len(file) for file in patch_set)) != expected:
        raise _invalid("it can be read in more than one way")
    patches = tuple(_file_patch(file) for file in patch_set)
    paths = [patch.path for patch in patches]
    if not patches and diff.strip():
        raise _invalid("it holds no change")
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise _invalid(f"it names {twice[0]} twice")
    return patches


def apply(base: bytes | None, patch: FilePatch) -> bytes:
    """The patched content.

    Raises:
        OrchestratorError: ``diff_invalid`` where the base is not what the patch was made against.
    """
    if patch.creates != (base is None):
        state = "exists already" if patch.creates else "does not exist"
        raise _invalid(f"{patch.path} {state}")
    lines = _split(base or b"")
    result: list[bytes] = []
    at = 0
    for number, hunk in enumerate(patch.hunks, 1):
        end = hunk.start + len(hunk.old)
        if not at <= hunk.start <= len(lines) or tuple(lines[hunk.start : end]) != hunk.old:
            raise _invalid(f"hunk {number} does not fit {patch.path}")
        result += [*lines[at : hunk.start], *hunk.new]
        at = end
    result += lines[at:]
    if any(not line.endswith(b"\n") for line in result[:-1]):
        raise _invalid(f"{patch.path}: a line without its end stands before another")
    return b"".join(result)


def _file_patch(file: PatchedFile) -> FilePatch:
    path = _path(file)
    if file.is_binary_file:
        raise _invalid(f"{path}: it is binary; only edits and new files are possible")
    if file.source_mode not in _PLAIN_MODES or file.target_mode not in _PLAIN_MODES:
        raise _invalid(f"{path}: it is not a plain file (mode {file.target_mode or file.source_mode})")
    creates = file.source_file == _DEV_NULL
    if not file and not creates:
        raise _invalid(f"{path}: it changes nothing")
    hunks = tuple(_hunk_edit(hunk) for hunk in file)
    if creates and any(hunk.old for hunk in hunks):
        raise _invalid(f"{path}: a new file has no old lines")
    return FilePatch(path, creates, hunks, added=file.added, removed=file.removed)


def _path(file: PatchedFile) -> str:
    source, target = str(file.source_file), str(file.target_file)
    if target == _DEV_NULL:
        raise _invalid(f"{source}: it deletes a file; only edits and new files are possible")
    if '"' in source + target or "\\" in source + target:
        raise _invalid(f"quoted or escaped file names are not supported: {target}")
    if target.startswith("b/") and (source == _DEV_NULL or source.startswith("a/")):
        source, target = source.removeprefix("a/"), target.removeprefix("b/")
    if source not in {_DEV_NULL, target}:
        raise _invalid(f"it renames {source} to {target}; only edits and new files are possible")
    if not plain(target):
        raise OrchestratorError("diff_not_allowed", path=target)
    return target


def _hunk_edit(hunk: Hunk) -> HunkEdit:
    old: list[bytes] = []
    new: list[bytes] = []
    sides: tuple[list[bytes], ...] = ()
    for line in hunk:
        if line.line_type == "\\":
            for side in sides:  # the line before has no end of line
                side[-1] = side[-1].removesuffix(b"\n")
            continue
        sides = (
            (old, new) if line.is_context else (old,) if line.is_removed else (new,) if line.is_added else ()
        )
        for side in sides:
            side.append(line.value.encode())
    # a hunk without old lines names the line it comes after, any other the line it begins with
    return HunkEdit(hunk.source_start - (1 if hunk.source_length else 0), tuple(old), tuple(new))


def _hunks(path: str, old: list[str], new: list[str]) -> Iterator[str]:
    """difflib's hunks; its time grows with the square, so a large file's common ends stay out."""
    start, end = _common_ends(old, new) if max(len(old), len(new)) > _WHOLE_LINES else (0, 0)
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(old), len(new)) > _COMPARED_LINES:
        detail = f"the changes of {path} lie over {_COMPARED_LINES} lines apart"
        raise OrchestratorError("diff_too_large", detail=detail)
    for line in list(difflib.unified_diff(old, new, "", "", n=_CONTEXT))[2:]:
        yield _moved(line, start) if start and line.startswith("@@ ") else line


def _common_ends(old: list[str], new: list[str]) -> tuple[int, int]:
    """Lines at the start and at the end that need no comparing: all equal ones but the context."""
    least = min(len(old), len(new))
    start = next((n for n in range(least) if old[n] != new[n]), least)
    rest = least - start
    end = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    return max(0, start - _CONTEXT), max(0, end - _CONTEXT)


def _moved(header: str, lines: int) -> str:
    """A hunk header of the middle, numbered as in the whole file."""
    old, new = header.split()[1:3]
    moved = (
        ",".join([f"{side[0]}{int(first) + lines}", *count])
        for side in (old, new)
        for first, *count in [side[1:].split(",")]
    )
    return f"@@ {' '.join(moved)} @@\n"


def _text_lines(path: str, content: bytes) -> list[str]:
    try:
        return [line.decode() for line in _split(content)]
    except UnicodeDecodeError as error:
        raise _invalid(f"{path} is not UTF-8 text") from error


def _split(content: bytes) -> list[bytes]:
    return list(_lines(content))


def _lines(content: bytes) -> Iterator[bytes]:
    start = 0
    while (end := content.find(b"\n", start)) != -1:
        yield content[start : end + 1]
        start = end + 1
    if start < len(content):
        yield content[start:]


def _terminated(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}\n"


def _invalid(detail: str) -> OrchestratorError:
    return OrchestratorError("diff_invalid", detail=detail)
