"""Writes `activities/diagnosis/data/node_packages.json` and `node_builtins.json`.

    python deploy/knowledge/node_packages.py LIST.tsv

LIST.tsv is a list of published packages: name, newest version, downloads a month; first line the columns. The
packages downloaded most are kept: names that many projects really use. Built-in modules come from the `node`
on this machine.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "activities" / "diagnosis" / "data"
KNOWN = 45_000
POPULAR = 12_000
_NAME = re.compile(r"^(?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*$")
_VERSION = re.compile(r"^\d+\.\d+\.\d+$")
_PLATFORM = re.compile(r"(?:linux|darwin|win32|freebsd|android|openbsd|netbsd|sunos|openharmony)[-_.]")
_SINCE = {
    "async_hooks": "8.1.0",
    "http2": "8.4.0",
    "inspector": "8.0.0",
    "perf_hooks": "8.5.0",
    "trace_events": "10.0.0",
    "worker_threads": "11.7.0",
    "wasi": "13.3.0",
    "fs/promises": "14.0.0",
    "assert/strict": "15.0.0",
    "dns/promises": "15.0.0",
    "stream/promises": "15.0.0",
    "timers/promises": "15.0.0",
    "diagnostics_channel": "15.1.0",
    "path/posix": "15.3.0",
    "path/win32": "15.3.0",
    "util/types": "15.3.0",
    "stream/web": "16.5.0",
    "stream/consumers": "16.7.0",
    "readline/promises": "17.0.0",
    "test": "18.0.0",
    "test/reporters": "19.6.0",
    "sea": "20.12.0",
    "sqlite": "22.5.0",
}
"""Release each younger module appeared in, from the history sections of Node's own manual."""
_PREFIX_ONLY = ("sea", "sqlite", "test", "test/reporters")
"""Built in under `node:` only: without it these names mean packages."""


def packages(listing: Path) -> dict[str, object]:
    """The table of packages, most wanted first in `popular`, the rest in `known`; name -> newest version."""
    rows = []
    with listing.open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            name, version, downloads, *_ = [*line.rstrip("\n").split("\t"), "", ""]
            if _NAME.match(name) and not _PLATFORM.search(name + "-") and downloads.isdigit():
                rows.append((int(downloads), name, version if _VERSION.match(version) else ""))
    rows.sort(key=lambda row: (-row[0], row[1]))
    popular, known = rows[:POPULAR], rows[POPULAR:KNOWN]
    return {
        "about": (
            "Packages by downloads a month with their newest release, from a list of packages of 2026-11; "
            f"the first {POPULAR} are popular, {KNOWN} known. Made by deploy/knowledge/node_packages.py."
        ),
        "popular": _lines(popular),
        "known": _lines(known),
    }


def _lines(rows: list[tuple[int, str, str]]) -> str:
    """One text instead of a table: a third smaller, and read ten times as fast."""
    return "\n".join(sorted(f"{name} {version}".rstrip() for _, name, version in rows))


def builtins() -> dict[str, object]:
    """The modules of this machine's Node, those of later ones added by hand."""
    code = "console.log(JSON.stringify([process.version, require('module').builtinModules]))"
    said = subprocess.run(["node", "-e", code], check=True, capture_output=True, text=True)
    version, modules = json.loads(said.stdout)
    names = sorted({name.removeprefix("node:") for name in modules if not name.startswith("_")} | set(_SINCE))
    return {
        "about": (
            f"module.builtinModules of Node {version}; the release each younger module came with, from the "
            "history sections of the manual. Made by deploy/knowledge/node_packages.py."
        ),
        "modules": {name: _SINCE.get(name, "") for name in names},
        "prefix_only": list(_PREFIX_ONLY),
    }


def _write(name: str, table: dict[str, object]) -> None:
    text = json.dumps(table, indent=1, ensure_ascii=False) + "\n"
    (DATA / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write("node_packages.json", packages(Path(sys.argv[1])))
    _write("node_builtins.json", builtins())
