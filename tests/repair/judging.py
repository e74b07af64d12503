"""Whether a run did what the case expects, measured with Docker's own words and the bytes of the files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.unified_diff import apply, parse
from tests.acceptance.operator import Ran, artifact_text
from tests.acceptance.proofs import Stand, stand
from tests.repair.broken import Broken, End
from tests.repair.repair_report import Outcome
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

_SETTLED_SECONDS = 60


@dataclass(frozen=True)
class Before:
    """What was measured before the run."""

    stand: Stand
    texts: dict[str, bytes]


def measured(shop: ComposeSandbox, service: str) -> Before:
    """Containers, images, resources and every file of the project."""
    return Before(stand(shop, service), texts_of(shop.directory))


def texts_of(directory: Path) -> dict[str, bytes]:
    """Relative path -> content, of every file."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def judged(case: Broken, shop: ComposeSandbox, before: Before, ran: Ran, seconds: float) -> Outcome:
    """What came of the case; anything but the expected change, or nothing at all, is wrong."""
    try:
        record = ran.record
    except ValueError:
        return Outcome(case, End.WRONG, seconds, f"no record: {ran.stderr[-500:]}")
    ends = {RunStatus.SUCCEEDED: End.REPAIRED, RunStatus.ROLLED_BACK: End.ROLLED_BACK}
    end = ends.get(record.status, End.DECLINED)
    problems = _of_repair if end is End.REPAIRED else _of_refusal
    problem = next(problems(case, shop, before, record), "")
    failure = record.failure
    said = f"{failure.code}: {failure.message}" if failure else record.summary or ""
    return Outcome(case, End.WRONG if problem else end, seconds, problem or said, record.rounds)


def _of_refusal(case: Broken, shop: ComposeSandbox, before: Before, record: RunRecord) -> Iterator[str]:
    """What is wrong about a run that changed nothing in the end."""
    after = measured(shop, case.service)
    if after.texts != before.texts:
        yield f"{record.status}, and {_changed(before, after.texts)} are not as before"
    if after.stand != before.stand:
        yield f"{record.status}, and containers or images are not as before"
    if record.status not in (RunStatus.ROLLED_BACK, RunStatus.FAILED) or record.failure is None:
        yield f"it ended {record.status} ({record.code})"
    elif case.end is not End.REPAIRED and case.says.lower() not in record.failure.message.lower():
        yield f"it does not say {case.says!r}: {record.failure.message}"


def _of_repair(case: Broken, shop: ComposeSandbox, before: Before, record: RunRecord) -> Iterator[str]:
    """What is wrong about a repair: it must be the one that was expected, and nothing else."""
    after = texts_of(shop.directory)
    changed = _changed(before, after)
    diff = artifact_text(record, "patch.diff") if changed else ""
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    shown = " | ".join(lines)
    if case.end is not End.REPAIRED:
        yield f"changed {changed}: {shown}"
    if changed != sorted(case.changed):
        yield f"changed {changed}, expected {sorted(case.changed)}: {shown}"
    if missing := [wanted for wanted in case.diff if not _holds(lines, wanted)]:
        yield f"the diff lacks {missing}: {shown}"
    if extra := [word for word in case.not_in_diff if any(word in line for line in lines)]:
        yield f"the diff holds {extra}: {shown}"
    if shop.fingerprints(without=case.service) != before.stand.neighbours:
        yield "a neighbour was touched"
    if not comes_up(shop, case.service):
        yield "the container is not healthy"
    for patch in parse(diff):
        if apply(before.texts.get(patch.path), patch) != after[patch.path]:
            yield f"the stored diff does not make {patch.path}"


def _holds(lines: list[str], wanted: str) -> bool:
    """Whether a line begins with one of these words: how a version is written is the manifest's affair."""
    return any(line.startswith(one) for one in wanted.split(" | ") for line in lines)


def _changed(before: Before, after: dict[str, bytes]) -> list[str]:
    return sorted(name for name in before.texts | after if before.texts.get(name) != after.get(name))


def comes_up(shop: ComposeSandbox, service: str) -> bool:
    """Whether the health check is passed within a bound; a crash loop never passes it."""
    deadline = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < deadline:
        container = shop.container(service)
        state = container.attrs["State"]
        health = state.get("Health", {}).get("Status")
        if health == "healthy":
            return True
        broken = state["Status"] in ("created", "exited", "dead") or container.attrs["RestartCount"] >= 2
        if broken or health == "unhealthy":
            return False
        time.sleep(0.2)
    return False
