"""Where each run is, from the worker's own log: precise, and without asking the server all the time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

_STEPS = {
    "locate": "preflight", "preflight": "preflight", "analyze": "analyze", "plan": "plan",
    "patch": "patch", "build": "build", "restart": "restart", "verify": "verify",
    "rollback": "rollback", "report": "report",
}  # fmt: skip
_DONE = {"verify": "verified", "rollback": "undone", "report": "ended"}
"""Some ends matter too: a report is over before anybody could see it begin."""


@dataclass
class StepLog:
    """Follows ``worker.log``; a run's last started step is where it is."""

    path: Path
    reached: dict[str, list[str]] = field(default_factory=dict)
    """Run id -> the steps it has begun, oldest first."""
    attempts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Run id -> step -> the highest attempt."""
    _read: int = 0
    _rest: bytes = b""

    def follow(self) -> None:
        """Take in what was written since the last look."""
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(self._read)
            data = log.read()
        self._read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if b'"step started"' in line or b'"step done"' in line:
                self._take(line)

    def now(self, run_id: str) -> str:
        """The step that a run began last; empty before the first."""
        self.follow()
        return (self.reached.get(run_id) or [""])[-1]

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
        except ValueError:  # cut by a kill
            return
        run_id, step = str(entry.get("run_id")), _STEPS.get(str(entry.get("step")))
        if step is None:
            return
        if entry.get("event") == "step done":
            if step not in _DONE:
                return
            step = _DONE[step]
        self.reached.setdefault(run_id, []).append(step)
        tries = self.attempts.setdefault(run_id, {})
        tries[step] = max(tries.get(step, 0), int(entry.get("attempt", 1)))
