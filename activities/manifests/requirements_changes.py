"""Requirements files: a requirement renamed, removed or given an extra; every other byte stays.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from activities.manifests import requirements
from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical
from activities.manifests.requirement_text import name_in, renamed, with_extras

_OPTION_LINE = re.compile(r"^\s*(?:-|#)")


def rename(text: str, old: str, new: str) -> str:
    """The text with `old` under the name `new`, version and comment as they were.

    Raises ManifestError where `old` is not declared or the file is hash-checked.
    """
    if canonical(new) in requirements.declared(text):
        return remove(text, old)
    return _changed(text, old, lambda line: renamed(line, new))


def add_extras(text: str, name: str, extras: frozenset[str]) -> str:
    """The text with `name` asked for with these extras too.

    Raises ManifestError where `name` is not declared or the file is hash-checked.
    """
    return _changed(text, name, lambda line: with_extras(line, extras))


def remove(text: str, name: str) -> str:
    """The text without the lines that ask for `name`, and without the comments that pip-compile put below.

    Raises ManifestError where `name` is not declared or the file is hash-checked.
    """
    return _changed(text, name, None)


def _changed(text: str, name: str, change: Callable[[str], str] | None) -> str:
    """Every line that asks for `name` put through `change`, or left out where that is None."""
    if requirements.uses_hashes(text):
        raise ManifestError(
            "the file is hash-checked (--hash): it must be compiled again, not edited by hand"
        )
    wanted = canonical(name)
    kept: list[str] = []
    touched = dropping = False
    for line in text.splitlines(keepends=True):
        mine = name_in(line) == wanted and not _OPTION_LINE.match(line)
        if mine and line.rstrip().endswith("\\"):
            raise ManifestError(f"{name} is declared over several lines")
        below = dropping and bool(re.match(r"\s+#", line))
        dropping = below or (mine and change is None)
        touched = touched or mine
        if mine and change is not None:
            kept.append(change(line))
        elif not dropping:
            kept.append(line)
    if not touched:
        raise ManifestError(f"{name} is not declared in this file")
    return "".join(kept)
