"""``mm-orchestrator logs``: what a step wrote, while it writes and afterwards (SPEC FR-005)."""

import asyncio
import codecs
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

import typer

from starter.cli.exit_codes import ExitCode
from starter.cli.options import Follow, RunName
from starter.cli.session import Session, session_of
from starter.logs import LogReader, StepLog, over
from starter.rendering.text import log_lines, one_line
from workflows.errors import OrchestratorError
from workflows.models.record import RunRecord
from workflows.models.status import StepName

if TYPE_CHECKING:
    from starter.client import OrchestratorClient

LOOK_SECONDS: Final = 1.0
"""How often a followed log is looked at."""
_LONGEST_LINE: Final = 64 * 1024
"""Characters; a line without an end is shown in pieces of this size."""


def logs(
    context: typer.Context,
    run: RunName,
    step: Annotated[StepName, typer.Argument(metavar="STEP", help="Name of the step.", show_default=False)],
    *,
    follow: Follow = False,
) -> None:
    """Print the logs of one step.

    Those of all its rounds; of a running step as far as it is, also away from the worker's machine.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            printing = Printing(session, LogReader(session.files))
            return await _print(client, printing, run, step, follow=follow)

    session.execute(work)


async def _print(
    client: "OrchestratorClient", printing: "Printing", run: str, step: StepName, *, follow: bool
) -> int:
    while True:
        record = await client.get(run)
        done = over(record, step)
        found = await asyncio.to_thread(printing.reader.logs, record, step)
        printing.titled = len(found) > 1 or follow
        for log in found:
            await asyncio.to_thread(printing.show, log, record)
        if done or not follow:
            break
        await asyncio.sleep(LOOK_SECONDS)
    printing.finish()
    if not printing.seen:
        raise OrchestratorError("artifact_missing", run=record.run_id, what=f"log of step {step}")
    return printing.code


@dataclass
class _Shown:
    """How much of one log is on the screen; only whole lines are, so that nothing is cut in two."""

    offset: int = 0
    rest: str = ""
    finished: bool = False
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )


@dataclass
class Printing:
    """Prints what is new of every log."""

    session: Session
    reader: LogReader
    titled: bool = False
    code: int = ExitCode.OK
    seen: dict[str, _Shown] = field(default_factory=dict)
    _last: str = ""

    def show(self, log: StepLog, record: RunRecord) -> None:
        """Print what the log has more than at the last look; it blocks."""
        shown = self.seen.setdefault(log.name, _Shown())
        if log.artifact is None and log.size_bytes < shown.offset:  # the step is tried again
            self._write(f"==> {one_line(log.name)} begins anew <==\n")
            shown = self.seen[log.name] = _Shown()
        if shown.finished or (log.artifact is None and log.size_bytes == shown.offset > 0):
            return
        if self.titled and self._last != log.name:
            growing = " (still being written)" if log.artifact is None else ""
            self._write(f"==> {one_line(log.name)}{growing} <==\n")
        self._last = log.name
        try:
            for chunk in self.reader.read(log, record.run_id, shown.offset):
                shown.offset += len(chunk)
                self._feed(shown, chunk)
        except OrchestratorError as error:
            self.code = self.session.fail(error)
            shown.finished = True
        if log.artifact is not None:
            shown.finished = True
            self._end(shown)

    def finish(self) -> None:
        """Print what has no end of line yet."""
        for shown in self.seen.values():
            self._end(shown)

    def _feed(self, shown: _Shown, chunk: bytes) -> None:
        text = shown.rest + shown.decoder.decode(chunk)
        cut = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
        if not cut and len(text) > _LONGEST_LINE:
            cut = len(text)
        shown.rest = text[cut:]
        self._write(log_lines(text[:cut]))

    def _end(self, shown: _Shown) -> None:
        text = shown.rest + shown.decoder.decode(b"", final=True)
        shown.rest = ""
        if text:
            lines = log_lines(text)
            self._write(lines if lines.endswith("\n") else f"{lines}\n")

    def _write(self, text: str) -> None:
        self.session.out.file.write(text)
        self.session.out.file.flush()
