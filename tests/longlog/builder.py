"""The build step alone in a process of its own, so that its memory can be seen.

Arguments: project name, its directory, a state directory. Prints one JSON document on standard output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import docker

from activities.adapters.state_dir import StateDir
from tests.integration.repair_host import RepairHost
from tests.sandbox import ComposeSandbox


async def build(name: str, directory: Path, state: Path) -> dict[str, object]:
    """Build the service ``api`` once; what it took and what was stored."""
    engine = docker.DockerClient(base_url=os.environ["DOCKER_HOST"], timeout=60)
    host = RepairHost(ComposeSandbox(name=name, directory=directory, engine=engine), StateDir(state))
    await host.open_journal()
    before, began = memory("VmRSS"), time.monotonic()
    done = await host.build("Dockerfile")
    seconds = time.monotonic() - began
    (artifact,) = done.artifacts
    await host.close()
    engine.close()
    return {
        "grown_bytes": memory("VmHWM") - before,
        "seconds": seconds,
        "sha256": artifact.sha256,
        "size_bytes": artifact.size_bytes,
        "uri": artifact.uri,
        "state": artifact.state,
        "warnings": done.warnings,
    }


def memory(row: str) -> int:
    """``VmRSS`` now or ``VmHWM``, its peak; bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{row}:"))


if __name__ == "__main__":
    told = asyncio.run(build(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
    sys.stdout.write(json.dumps(told) + "\n")
