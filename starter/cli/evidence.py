"""The commands that bring out evidence: diff, logs, artifacts (SPEC FR-004, FR-005, FR-011)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from starter.cli.exit_codes import ExitCode
from starter.cli.options import AsJson, Download, RunName
from starter.cli.session import Session, session_of
from starter.evidence import EvidenceFiles, whole_diff
from starter.rendering.evidence import ArtifactTable
from starter.rendering.plan import diff_text
from starter.rendering.style import plain
from starter.rendering.text import exact_but_safe, log_lines, one_line, size
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.record import RunRecord
from workflows.models.status import StepName


def diff(context: typer.Context, run: RunName) -> None:
    """Print the whole diff of a run's plan.

    In a pipe it is ready for 'git apply'.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record = await client.get(run)
        data = await whole_diff(record, EvidenceFiles(session.settings.state_dir))
        _print_diff(session, data.decode(errors="replace"))
        return ExitCode.OK

    session.execute(work)


def _print_diff(session: Session, text: str) -> None:
    if not text.strip():
        session.note(plain("The plan changes no file."))
        return
    if session.out.is_terminal:
        session.answer(diff_text(text))
        return
    safe = exact_but_safe(text)
    session.out.file.write(safe)
    session.out.file.flush()
    if safe != text:
        session.note(plain("Control characters are escaped; the exact bytes: mm-orchestrator artifacts"))


def logs(
    context: typer.Context,
    run: RunName,
    step: Annotated[StepName, typer.Argument(metavar="STEP", help="Name of the step.", show_default=False)],
) -> None:
    """Print the logs of one step.

    Those of all its rounds; of a running step as far as it is.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record = await client.get(run)
        return await _print_logs(session, record, step)

    session.execute(work)


async def _print_logs(session: Session, record: RunRecord, step: StepName) -> int:
    files = EvidenceFiles(session.settings.state_dir)
    named = {name for entry in record.steps if entry.name is step for name in entry.artifacts}
    stored = [a for a in record.artifacts if a.name in named and a.name.endswith(".log")]
    growing = [p for p in files.growing(record.run_id, step) if p.name not in {a.name for a in stored}]
    if not stored and not growing:
        raise OrchestratorError("artifact_missing", run=record.run_id, what=f"log of step {step}")
    several = len(stored) + len(growing) > 1
    code = ExitCode.OK
    for artifact in stored:
        try:
            data = await files.read(artifact, record.run_id)
        except OrchestratorError as error:
            code = session.fail(error)
            continue
        _print_log(session, artifact.name if several else None, data)
    for path in growing:
        try:
            data = path.read_bytes()
        except OSError:  # it has just been delivered: the next call finds it stored
            continue
        _print_log(session, f"{path.name} (still being written)", data)
    return code


def _print_log(session: Session, title: str | None, data: bytes) -> None:
    if title is not None:
        session.answer(plain(f"==> {one_line(title)} <=="))
    text = log_lines(data.decode(errors="replace"))
    session.out.file.write(text if text.endswith("\n") or not text else f"{text}\n")
    session.out.file.flush()


def artifacts(
    context: typer.Context, run: RunName, download: Download = None, as_json: AsJson = False
) -> None:
    """List or download a run's evidence."""
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record = await client.get(run)
        if as_json:
            session.json(record.artifacts)
        elif download is None:
            session.answer(ArtifactTable(record.artifacts))
        if download is None:
            return ExitCode.OK
        return await _download(session, record.artifacts, record.run_id, download)

    session.execute(work)


async def _download(session: Session, found: Sequence[RunArtifact], run_id: str, directory: Path) -> int:
    files = EvidenceFiles(session.settings.state_dir)
    code = ExitCode.OK
    for artifact in found:
        try:
            path = await files.download(artifact, run_id, directory)
        except OrchestratorError as error:
            code = session.fail(error)
        else:
            session.note(plain(f"{one_line(str(path))}  {size(artifact.size_bytes)}  SHA-256 verified"))
    return code
