"""Where figures were measured: the machine and the versions of the parts that took part."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

_ASKED = {
    "docker": ("docker", "version", "--format", "{{.Server.Version}}"),
    "compose": ("docker", "compose", "version", "--short"),
}


class Machine(BaseModel):
    """One machine, as figures name it."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    versions: dict[str, str]
    """Part -> version; ``unknown`` where it did not say."""

    @staticmethod
    def this() -> Machine:
        """The one that runs this."""
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Machine(
            processor=_processor(),
            cores=os.cpu_count() or 1,
            memory_gib=round(pages / 2**30, 1),
            kernel=platform.release(),
            versions={
                "mm-orchestrator": version("mm-orchestrator"),
                "python": platform.python_version(),
                "temporalio": version("temporalio"),
                **{name: _answer(argv) for name, argv in _ASKED.items()},
            },
        )

    def sentence(self) -> str:
        """In one line of prose."""
        told = ", ".join(f"{name} {number}" for name, number in sorted(self.versions.items()))
        cores = f"{self.cores} x {self.processor}"
        return f"{cores}, {self.memory_gib} GiB, Linux {self.kernel}; {told}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _answer(argv: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
