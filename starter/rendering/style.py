"""Symbols and colours. A colour never carries a meaning alone: the word stands beside it."""

from typing import Final

from rich.text import Text

from starter.rendering.text import one_line
from workflows.models.status import RunStatus, StepStatus

SYMBOL: Final = {
    StepStatus.PENDING: "·",
    StepStatus.IN_PROGRESS: "▶",
    StepStatus.SUCCEEDED: "✓",
    StepStatus.FAILED: "✗",
    StepStatus.SKIPPED: "-",
}
STEP_STYLE: Final = {
    StepStatus.PENDING: "dim",
    StepStatus.IN_PROGRESS: "cyan",
    StepStatus.SUCCEEDED: "green",
    StepStatus.FAILED: "red",
    StepStatus.SKIPPED: "dim",
}
RUN_STYLE: Final = {
    RunStatus.PENDING: "dim",
    RunStatus.QUEUED: "dim",
    RunStatus.RUNNING: "cyan",
    RunStatus.AWAITING_APPROVAL: "bold yellow",
    RunStatus.SUCCEEDED: "green",
    RunStatus.ROLLED_BACK: "yellow",
    RunStatus.FAILED: "bold red",
    RunStatus.REJECTED: "yellow",
    RunStatus.CANCELLED: "yellow",
    RunStatus.PLANNED: "green",
}


def status(value: RunStatus) -> Text:
    """A run's status in its colour."""
    return Text(value, style=RUN_STYLE[value])


def heading(title: str) -> Text:
    """The line above a section."""
    return Text(title, style="bold")


def said(text: str, style: str = "", limit: int | None = None) -> Text:
    """Somebody else's words on one line; never read as markup."""
    return Text(one_line(text, limit), style=style)


def plain(text: str) -> Text:
    """Lines that the terminal wraps, not we: they can be searched and copied in one piece."""
    return Text(text, no_wrap=True, overflow="ignore")
