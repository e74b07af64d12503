"""Following a run on a terminal or in a pipe, and what Ctrl-C means meanwhile."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from starter.cli.session import put
from starter.rendering.steps import changes, progress
from starter.rendering.style import plain
from workflows.models.record import RunRecord


class Progress(Protocol):
    """Shows a run while it goes on."""

    def show(self, record: RunRecord) -> None:
        """The record changed."""

    def note(self, text: str) -> None:
        """Something to say beside the steps."""


class LineProgress:
    """One line per change: for pipes, logs and dumb terminals."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: RunRecord | None = None

    def show(self, record: RunRecord) -> None:
        """Print what changed since the last record."""
        lines, self._last = changes(self._last, record), record
        for line in lines:
            self.note(line)

    def note(self, text: str) -> None:
        """Print one line; a reader that went away must not end a run that is being followed."""
        with suppress(OSError):
            put(self._console, plain(text))


class LiveProgress:
    """The steps in place, with the seconds counting."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._record: RunRecord | None = None

    def __rich__(self) -> RenderableType:
        """The view at this instant."""
        return Text() if self._record is None else progress(self._record, datetime.now(UTC))

    def show(self, record: RunRecord) -> None:
        """Draw the new record."""
        self._record = record
        with suppress(OSError):
            self._live.update(self, refresh=True)

    def note(self, text: str) -> None:
        """Print a line above the live view."""
        with suppress(OSError):
            put(self._live.console, plain(text))


@contextmanager
def showing_progress(console: Console) -> Iterator[Progress]:
    """Live on a terminal that can move its cursor, else one line per change."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield LineProgress(console)
        return
    with Live(console=console, refresh_per_second=4, redirect_stdout=False, redirect_stderr=False) as live:
        yield LiveProgress(live)


OnInterrupt = Callable[[int], Awaitable[bool]]
"""Called with 1 at the first Ctrl-C, 2 at the second, ...; True: stop following."""


async def follow(
    records: AsyncIterator[RunRecord],
    show: Callable[[RunRecord], None],
    on_interrupt: OnInterrupt,
    signals: tuple[signal.Signals, ...] = (signal.SIGINT,),
) -> RunRecord | None:
    """Show every record until the run has ended or an interrupt says to stop.

    Returns:
        The last record seen; None where there was none.

    Raises:
        OrchestratorError: what ``records`` raises.
    """
    last: list[RunRecord] = []

    async def pump() -> None:
        async for record in records:
            show(record)
            last[:] = [record]

    with _counting(signals) as interrupts:
        pumping = asyncio.create_task(pump())
        count = 0
        try:
            while not pumping.done():
                waiting = asyncio.create_task(interrupts.get())
                await asyncio.wait({pumping, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if not waiting.cancel():  # it was done: an interrupt came
                    count += 1
                    if await on_interrupt(count):
                        return last[0] if last else None
            await pumping
        finally:
            pumping.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await pumping
    return last[0] if last else None


@contextmanager
def _counting(signals: tuple[signal.Signals, ...]) -> Iterator["asyncio.Queue[None]"]:
    """A queue that gets an item per signal; the handlers of before are put back."""
    loop = asyncio.get_running_loop()
    interrupts: asyncio.Queue[None] = asyncio.Queue()
    before = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        loop.add_signal_handler(number, interrupts.put_nowait, None)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
