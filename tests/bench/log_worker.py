"""A build's output on its way into an artifact, in a process of its own, so that its memory can be seen.

Arguments: the log that a command prints, a state directory. Prints one JSON document on standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from pydantic import BaseModel

from activities.adapters import process
from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.build_output import BuildOutput
from activities.adapters.evidence_log import closing, continued_log
from activities.adapters.process import ChildRegistry
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import StateDir
from tests.acceptance.operator import artifact_file
from tests.bench.long_logs import CANARY
from tests.longlog.builder import memory

KNOWN = (CANARY, *(f"another-value-{n}-of-the-project" for n in range(20)))
"""As many as a project with a few services has in its environment."""


class Stored(BaseModel):
    """What came of it."""

    seconds: float
    grown_bytes: int
    """Peak of resident memory less what was resident before."""
    sha256: str
    size_bytes: int
    uri: str

    @property
    def path(self) -> Path:
        """Where the artifact is."""
        return artifact_file(self.uri)


async def store(log: Path, root: Path) -> Stored:
    """As the build step does it: command, pump, masking, follower of the progress, spool, store."""
    state, output = StateDir(root), BuildOutput()
    artifacts = ArtifactStore.in_state_dir(state)
    before, began = memory("VmRSS"), time.monotonic()
    evidence = await continued_log(artifacts, "bench", "build.log", Redactor(KNOWN), output.feed)
    async with closing(evidence):
        code = await process.stream(
            ["cat", str(log)], env=dict(os.environ), sink=evidence.write,
            children=ChildRegistry(state.children, "bench"),
        )  # fmt: skip
        output.finish()
    artifact, seconds = await evidence.close(), time.monotonic() - began
    assert code == 0, f"cat ended with {code}"
    return Stored(
        seconds=seconds, grown_bytes=memory("VmHWM") - before,
        sha256=artifact.sha256, size_bytes=artifact.size_bytes, uri=artifact.uri,
    )  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(store(Path(sys.argv[1]), Path(sys.argv[2]))).model_dump_json() + "\n")
