"""Which run, project and service an activity works for: on each of its log lines, and on its span.

Not every step is told the service again (a rollback only needs the run): what earlier steps were told is
remembered for the last runs of this process.
"""

from collections import OrderedDict
from typing import Any, Final

from temporalio import activity

_NAMES: Final = ("run_id", "workflow_id", "project", "service")
_REMEMBERED_RUNS: Final = 256


class StepContext:
    """Makes the context of each activity of one worker process."""

    def __init__(self, host: str = "") -> None:
        self._host = host
        self._seen: OrderedDict[str, dict[str, str]] = OrderedDict()

    def of(self, job: object, info: activity.Info) -> dict[str, Any]:
        """Only what is known: run_id, workflow_id, project, service, round, step, attempt, host."""
        found = _told(job)
        run_id = found.get("run_id")
        if run_id is not None:
            found = self._remembered(run_id, found)
        found.setdefault("workflow_id", info.workflow_id or "")
        context: dict[str, Any] = {**found, "step": info.activity_type, "attempt": info.attempt}
        round_ = getattr(getattr(job, "run", None), "round", None)
        context |= {"round": round_} if isinstance(round_, int) else {}
        context |= {"host": self._host} if self._host else {}
        return context

    def _remembered(self, run_id: str, told: dict[str, str]) -> dict[str, str]:
        known = {**self._seen.pop(run_id, {}), **told}
        self._seen[run_id] = known
        if len(self._seen) > _REMEMBERED_RUNS:
            self._seen.popitem(last=False)
        return dict(known)


def _told(job: object) -> dict[str, str]:
    """What the input says, whichever of its parts says it."""
    parts = [job, *(getattr(job, name, None) for name in ("run", "entry", "record", "request", "target"))]
    found: dict[str, str] = {}
    for part in parts:
        for name in _NAMES:
            value = getattr(part, name, None)
            value = getattr(value, "name", value)  # a target's project is more than its name
            if isinstance(value, str) and value:
                found.setdefault(name, value)
    return found
