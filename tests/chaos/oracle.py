"""Is what is there one of the states that I4 allows, and is it the one the record claims?

    repaired     every planned file exactly, nothing else; the new image runs; neighbours untouched
    as before    files byte for byte with mode and owner, previous image and containers; neighbours too
    incomplete   the record names what differs, the journal is open, and ``recover`` leads to as before

What the world did to containers that no run touched (a daemon's restart) is in ``Control``, which a project
without any repair run went through at the same time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.measure import ContainerFacts, FileFacts, Measured
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

TARGET = "api"
AS_BEFORE = frozenset({RunStatus.ROLLED_BACK, RunStatus.CANCELLED, RunStatus.REJECTED, RunStatus.PLANNED})
_NEW_FILE_MODE = 0o100644
_INTERIM = re.compile(r"^[0-9a-f]{12}_")
_TEMPORARY = re.compile(r"\.tmp$|\.mm-orchestrator")


@dataclass(frozen=True)
class Control:
    """What a fault alone does: service -> whether its container is up afterwards.

    ``store`` stands for what restarts by itself, ``side`` for what does not. Empty: the fault does nothing.
    """

    up: dict[str, bool] = field(default_factory=dict)

    @staticmethod
    def learnt(before: Measured, after: Measured) -> Control:
        """From a project that nobody repaired."""
        old = {c.service: c.id for c in before.containers}
        assert old == {c.service: c.id for c in after.containers}, "the fault alone replaced containers"
        return Control({c.service: c.up for c in after.containers})


@dataclass(frozen=True)
class Expected:
    """What the plan wants, and what the target was like."""

    contents: dict[str, bytes]
    """Path -> planned content."""
    was_sick: bool = False
    """The target crash-loops before: its start times and health move by themselves."""
    like: str = "store"
    """The neighbour with the target's own restart policy: a fault does to both the same."""


def repaired(before: Measured, now: Measured, expected: Expected, control: Control) -> list[str]:
    """How ``now`` differs from the state after a successful repair; empty: it is repaired."""
    return [
        *_file_differences(_planned(before, expected), now.files),
        *_new_times(before, now, expected),
        *_new_image(before, now, expected, control),
        *_neighbours(before, now, control),
        *_resources(before, now),
    ]


def as_before(before: Measured, now: Measured, expected: Expected, control: Control) -> list[str]:
    """How ``now`` differs from ``before``; empty: everything is as it was."""
    return [
        *_file_differences(before.files, now.files),
        *_new_times(before, now, expected),
        *_old_target(before, now, expected, control),
        *_neighbours(before, now, control),
        *_resources(before, now),
        *(f"image {image[:19]} of a run that was undone is left" for image in now.images - before.images),
        *(f"image {image[:19]} of before is gone" for image in before.images - now.images),
    ]


def untouched(before: Measured, now: Measured, control: Control) -> list[str]:
    """Beside ``as_before``: a run that wrote nothing leaves the target's very containers alone."""
    return list(_same_containers(before, now, control))


def judge_claims(record: RunRecord, measured: str, settled: list[str | None]) -> list[str]:
    """Does the record say what was measured?

    Args:
        record: as ``show`` has it.
        measured: ``repaired``, ``as_before`` or ``neither``.
        settled: how each journal of the run ended; None: it is open.
    """
    return list(_contradictions(record, measured, settled))


def _contradictions(record: RunRecord, measured: str, settled: list[str | None]) -> Iterator[str]:
    status, outcome = record.status, settled[-1] if settled else ""
    open_journal = None in settled
    incomplete = record.code == "rollback_incomplete"
    if not status.terminal:
        yield f"the record says {status} though nothing runs any more"
    if status is RunStatus.SUCCEEDED and record.code != "nothing_to_repair" and measured != "repaired":
        yield f"the record says succeeded, measured: {measured}"
    if status in AS_BEFORE and measured != "as_before":
        yield f"the record says {status}, measured: {measured}"
    if status is RunStatus.FAILED and measured == "neither" and not incomplete:
        yield f"the record says failed ({record.code}), measured: neither repaired nor as before"
    if incomplete != open_journal:
        yield f"code {record.code}, but the journals ended {settled}"
    if outcome == "succeeded" and measured != "repaired":
        yield f"the journal says succeeded, measured: {measured}"
    if outcome == "rolled_back" and measured != "as_before":
        yield f"the journal says rolled_back, measured: {measured}"
    if record.rollback is not None and record.rollback.complete and measured != "as_before":
        yield f"the record claims a complete rollback, measured: {measured}"
    if incomplete and not (record.rollback and record.rollback.mismatches) and not record.failure:
        yield "rollback_incomplete, but the record does not say what differs"


def _planned(before: Measured, expected: Expected) -> dict[str, FileFacts]:
    """The files after the patch: mode and owner stay; a new file has its directory's owner."""
    files = dict(before.files)
    for path, content in expected.contents.items():
        old, parent = before.files.get(path), before.files[path.rpartition("/")[0]]
        owner = old or FileFacts("", _NEW_FILE_MODE, parent.uid, parent.gid)
        digest = hashlib.sha256(content).hexdigest()
        files[path] = FileFacts(digest, owner.mode, owner.uid, owner.gid)
    return files


def _file_differences(wanted: dict[str, FileFacts], now: dict[str, FileFacts]) -> Iterator[str]:
    for path in sorted(wanted.keys() | now.keys()):
        if path not in now:
            yield f"file {path} is missing"
        elif path not in wanted:
            kind = "temporary file" if _TEMPORARY.search(path) else "file"
            yield f"{kind} {path} is left"
        elif wanted[path] != now[path]:
            yield f"file {path} is {now[path]}, wanted {wanted[path]}"


def _new_times(before: Measured, now: Measured, expected: Expected) -> Iterator[str]:
    """Of files that are not the plan's; a directory's time moves with any file in it."""
    for path, old in before.files.items():
        new = now.files.get(path)
        touched = not old.sha256 or path in expected.contents
        if new is not None and not touched and new.changed_ns != old.changed_ns:
            yield f"file {path} was written, which is not in the plan"


def _names(containers: tuple[ContainerFacts, ...]) -> list[str]:
    return sorted(c.name for c in containers)


def _new_image(before: Measured, now: Measured, expected: Expected, control: Control) -> Iterator[str]:
    stays_up = control.up.get(expected.like, True)
    target = now.of(TARGET)
    if _names(target) != _names(before.of(TARGET)):
        yield f"containers {_names(target)}, wanted {_names(before.of(TARGET))}"
    if now.reference == before.reference:
        yield "the reference points to the previous image"
    for container in target:
        if container.image != now.reference:
            yield f"{container.name} runs {container.image[:19]}, built was {str(now.reference)[:19]}"
        if stays_up and (container.status, container.health) != ("running", "healthy"):
            yield f"{container.name} is {container.status}, {container.health}"


def _old_target(before: Measured, now: Measured, expected: Expected, control: Control) -> Iterator[str]:
    old, new = before.of(TARGET), now.of(TARGET)
    stays_up = control.up.get(expected.like, True)
    if _names(old) != _names(new):
        yield f"containers {_names(new)}, before {_names(old)}"
        return
    if now.reference != before.reference:
        yield f"the reference points to {str(now.reference)[:19]}, before {str(before.reference)[:19]}"
    for was, is_ in zip(old, new, strict=True):
        if (was.image, was.config_hash) != (is_.image, is_.config_hash):
            yield f"{is_.name} runs {is_.image[:19]} ({is_.config_hash[:8]}), before {was.image[:19]}"
        if was.up != is_.up and (stays_up or is_.up):
            yield f"{is_.name} is {is_.status}, before {was.status}"
        if was.health == "healthy" and is_.up and is_.health != "healthy" and not expected.was_sick:
            yield f"{is_.name} is {is_.health}, before healthy"


def _same_containers(before: Measured, now: Measured, control: Control) -> Iterator[str]:
    new = {c.id: c for c in now.of(TARGET)}
    for was in before.of(TARGET):
        if was.id not in new:
            yield f"nothing was written, yet {was.name} is another container"
        elif not control.up and was.health == "healthy" and new[was.id].started_at != was.started_at:
            yield f"nothing was written, yet {was.name} was restarted"


def _neighbours(before: Measured, now: Measured, control: Control) -> Iterator[str]:
    new = {c.name: c for c in now.others(TARGET)}
    old = {c.name: c for c in before.others(TARGET)}
    yield from (f"neighbour {name} is new" for name in sorted(new.keys() - old.keys()))
    for name, was in old.items():
        is_ = new.get(name)
        if is_ is None:
            yield f"neighbour {name} is gone"
        elif (was.id, was.image, was.config_hash) != (is_.id, is_.image, is_.config_hash):
            yield f"neighbour {name} was recreated"
        elif control.up:
            if is_.up != control.up[was.service]:
                yield f"neighbour {name} is {is_.status}; the fault alone leaves it otherwise"
        elif (was.started_at, was.status, was.restart_count) != (
            is_.started_at,
            is_.status,
            is_.restart_count,
        ):
            yield f"neighbour {name} was {was.status}, {was.started_at}; is {is_.status}, {is_.started_at}"


def _resources(before: Measured, now: Measured) -> Iterator[str]:
    yield from (f"network {name} appeared or went" for name in sorted(before.networks ^ now.networks))
    yield from (f"volume {name} appeared or went" for name in sorted(before.volumes ^ now.volumes))
    for container in now.containers:
        if _INTERIM.match(container.name):
            yield f"container {container.name} is left of a replacement"
