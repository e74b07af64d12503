"""Commands that operators typed by hand, as they report them: an append-only file in the state directory.

One JSON object a line. Of one person's reports for a month the last counts, which corrects a mistake
without rewriting anything; the counts of several people add up (SC-004).
"""

import fcntl
import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints, ValidationError

from starter.files import file_chunks
from workflows.errors import OrchestratorError
from workflows.models.base import Model

FILE_NAME: Final = "manual-commands.jsonl"
PERIOD: Final = r"^\d{4}-(0[1-9]|1[0-2])$"


class ManualReport(Model):
    """What one person reports for one month."""

    at: datetime
    by: str
    period: Annotated[str, StringConstraints(pattern=PERIOD)]
    """Calendar month, ``2026-11``."""
    commands: Annotated[int, Field(ge=0, le=1_000_000)]
    note: str = ""


def append_report(state_dir: Path, report: ManualReport) -> Path:
    """Add one line, durably.

    Raises:
        OrchestratorError: ``state_dir_invalid``.
    """
    path = state_dir / FILE_NAME
    line = json.dumps(report.model_dump(mode="json")).encode() + b"\n"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, flags, 0o600), "ab", buffering=0) as file:  # noqa: PTH123 - a descriptor
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line)
            os.fsync(file.fileno())
    except OSError as error:
        raise OrchestratorError("state_dir_invalid", path=state_dir, detail=str(error)) from None
    return path


def read_reports(state_dir: Path) -> tuple[ManualReport, ...]:
    """Every report that can be read; a torn line is none. Without a file there is none."""
    try:
        data = b"".join(file_chunks(state_dir / FILE_NAME))
    except OSError:
        return ()
    found = []
    for line in data.splitlines():
        try:
            found.append(ManualReport.model_validate_json(line))
        except ValidationError:
            continue
    return tuple(found)


def commands_by_month(reports: Iterable[ManualReport]) -> dict[str, int]:
    """Month -> reported commands: each person's last word, added up."""
    latest = {(report.period, report.by): report.commands for report in reports}
    months: dict[str, int] = {}
    for (period, _), commands in latest.items():
        months[period] = months.get(period, 0) + commands
    return months
