"""The commands that bring out evidence: diff, artifacts (SPEC FR-004, FR-011)."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from starter.bundle.downloading import download as fetch
from starter.bundle.downloading import in_download_order
from starter.cli.exit_codes import ExitCode
from starter.cli.options import AsJson, Download, Links, RunName, ValidFor
from starter.cli.session import Session, session_of
from starter.durations import duration
from starter.evidence import EvidenceFiles, whole_diff
from starter.links import LONGEST_LINK, ArtifactLink, link_to
from starter.rendering.evidence import ArtifactTable, link_lines
from starter.rendering.plan import diff_text
from starter.rendering.style import plain
from starter.rendering.text import exact_but_safe, one_line, when
from workflows.models.record import RunRecord
from workflows.quantities import size


def diff(context: typer.Context, run: RunName) -> None:
    """Print the whole diff of a run's plan.

    In a pipe it is ready for 'git apply'.
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record = await client.get(run)
        data = await whole_diff(record, session.files)
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


def artifacts(
    context: typer.Context,
    run: RunName,
    *,
    download: Download = None,
    links: Links = False,
    valid_for: ValidFor = "7d",
    as_json: AsJson = False,
) -> None:
    """List or download a run's evidence, or print links that open in a browser."""
    session = session_of(context)
    lasting = _lasting(valid_for)

    async def work() -> int:
        async with session.client() as client:
            found = await client.get(run)
        files = session.files
        now = await asyncio.to_thread(files.states, found.artifacts, found.run_id)
        record = found.model_copy(update={"artifacts": now})
        if links:
            return await asyncio.to_thread(_print_links, session, record, files, lasting, as_json)
        if as_json:
            session.json(record.artifacts)
        elif download is None:
            session.answer(ArtifactTable(record.artifacts, record.steps))
        return ExitCode.OK if download is None else await _download(session, record, files, download)

    session.execute(work)


def _lasting(text: str) -> timedelta:
    try:
        lasting = duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--valid-for") from None
    if lasting > LONGEST_LINK:
        raise typer.BadParameter("a link can be valid for 7 days at most", param_hint="--valid-for")
    return lasting


def _print_links(
    session: Session, record: RunRecord, files: EvidenceFiles, lasting: timedelta, as_json: bool
) -> int:
    found: list[ArtifactLink] = [
        link_to(artifact, record.run_id, files, lasting, datetime.now(UTC)) for artifact in record.artifacts
    ]
    if as_json:
        session.json(tuple(found))
    else:
        session.answer(*link_lines(found))
    until = max((link.valid_until for link in found if link.valid_until), default=None)
    if until is not None:
        note = f"Whoever has a link can open it, without a login, until {when(until)} (7 days at most)."
        session.note(plain(note))
    return ExitCode.OK if all(link.address for link in found) else ExitCode.FAILED


async def _download(session: Session, record: RunRecord, files: EvidenceFiles, directory: Path) -> int:
    failed: list[str] = []
    wanted = in_download_order(record.artifacts)
    for artifact in wanted:
        done = await asyncio.to_thread(fetch, artifact, record.run_id, files, directory)
        if done.error is not None:
            session.fail(done.error)
            failed.append(one_line(artifact.name))
        else:
            session.note(plain(f"{one_line(str(done.path))}  {size(artifact.size_bytes)}  SHA-256 verified"))
    if failed:
        note = f"{len(failed)} of {len(wanted)} could not be had: {', '.join(failed)}"
        session.note(plain(f"{note}. The same command again tries only those."))
        return ExitCode.FAILED
    session.note(
        plain(f"All {len(wanted)} files are there. Check: mm-orchestrator verify-bundle {directory}")
    )
    return ExitCode.OK
