"""What must not be there once no run is under way."""

from __future__ import annotations

import time
from pathlib import Path

_MARK = b"MM_ORCHESTRATOR_CHILD="


def living_children(root: Path, seconds: float = 5.0) -> list[str]:
    """Commands of steps that are still alive after so long, about projects below ``root``."""
    deadline = time.monotonic() + seconds
    while found := _children(f"{root}/".encode()):
        if time.monotonic() > deadline:
            return [f"still running: {line}" for line in found]
        time.sleep(0.1)
    return []


def _children(root: bytes) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            marked = _MARK in (entry / "environ").read_bytes()
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:  # gone meanwhile
            continue
        if marked and root in line:
            found.append(line.decode(errors="replace").strip())
    return found
