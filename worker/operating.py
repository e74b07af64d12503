"""The doctor's checks for whoever operates a host: room, clock, keys, permissions, worker, leftovers."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from activities.adapters.approval_tokens import read_secret
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.docker_permissions import check_permitted
from activities.adapters.journal import JournalStore
from activities.adapters.leftovers import Kind, RunLeft
from activities.adapters.policy_file import check_policy, load_policy
from activities.adapters.state_dir import StateDir
from starter.address import resolve_address, resolve_namespace
from starter.connection import open_client, temporal_errors
from worker.checkup import Answer, Grade
from worker.clean import cleaning
from worker.clock import clock_difference
from worker.polling import served_queues
from worker.retention import Rules, select, size_text, total_of
from worker.settings import WorkerSettings
from workflows.errors import OrchestratorError

DAY: Final = timedelta(days=1)
ENOUGH_RUNS: Final = 3
CLOCK_NOTE: Final = timedelta(seconds=5)
CLOCK_FAILS: Final = timedelta(seconds=60)


def bytes_needed(runs: tuple[RunLeft, ...], now: datetime, days: int) -> int | None:
    """What the runs of so many days take, as they came and grew so far; None: too few to tell."""
    sizes = [sum(one.size_bytes or 0 for one in run.files) for run in runs if _still_whole(run)]
    if len(sizes) < ENOUGH_RUNS:
        return None
    since = max(now - min(run.changed_at for run in runs if _still_whole(run)), DAY)
    per_day = len(sizes) / (since / DAY)
    return int(sum(sizes) / len(sizes) * per_day * days)


def room(settings: WorkerSettings) -> Answer:
    """Free space against what the retention will need."""
    if not settings.state_dir.exists():
        return Grade.NOTE, "no run so far to reckon with"
    runs = cleaning(settings, _rules(settings)).files.runs()
    needed = bytes_needed(runs, datetime.now(UTC), settings.retention_days)
    if needed is None:
        return Grade.NOTE, f"fewer than {ENOUGH_RUNS} runs so far, too few to reckon with"
    volume = os.statvfs(settings.state_dir)
    free = volume.f_bavail * volume.f_frsize
    used = sum(one.size_bytes or 0 for run in runs for one in run.files)
    told = f"{settings.retention_days} days of runs take {size_text(needed)}"
    if needed - used > free:
        detail = f"{told}, {size_text(free)} are free and {size_text(used)} used so far"
        raise OrchestratorError("disk_full", path=settings.state_dir, detail=detail)
    return Grade.OK, f"{told}; {size_text(free)} are free"


async def clock(settings: WorkerSettings) -> Answer:
    """A difference makes approvals expire early or late."""
    client = await _client(settings)
    if client is None:
        return Grade.NOTE, "no Temporal server to compare with"
    try:
        difference = await clock_difference(client)
    except RPCError as error:
        return Grade.NOTE, f"not compared with Temporal's: {error.message}"
    return judged_clock(difference)


def judged_clock(difference: timedelta | None) -> Answer:
    """Over 5 s is worth knowing, over 60 s a failure."""
    if difference is None:
        return Grade.NOTE, "Temporal does not tell its own"
    size = abs(difference)
    if size > CLOCK_FAILS:
        raise OrchestratorError("clock_skew", seconds=round(size.total_seconds()))
    if size > CLOCK_NOTE:
        return Grade.NOTE, f"{size.total_seconds():.0f} s apart from Temporal's; set both by NTP"
    return Grade.OK, "as Temporal's"


def keys(settings: WorkerSettings) -> Answer:
    """Private keys are their owner's alone; the policy's public ones were read with it."""
    found = sorted(path for path in (settings.state_dir / "keys").glob("*") if path.is_file())
    for path in found:
        _require_private(path)
    told = f"{len(found)} signing keys in {settings.state_dir / 'keys'}"
    policy_path = settings.policy_path
    if policy_path is None:
        return Grade.OK, f"{told}; no policy file names approvers"
    if check_policy(policy_path):
        return Grade.NOTE, f"{told}; the approvers of a policy that is not valid are not looked at"
    policy = load_policy(policy_path)
    if policy.approvals.shared_secret_file is not None:
        read_secret(Path(policy.approvals.shared_secret_file))
        told += "; a shared secret"
    return Grade.OK, f"{told}; the policy has {len(policy.approvers)} approvers' public keys"


async def permissions(engine: DockerEngine) -> Answer:
    """A socket proxy may refuse what a repair needs."""
    await check_permitted(engine.client)
    return Grade.OK, "containers may be changed and images built"


async def worker(settings: WorkerSettings) -> Answer:
    """Whether anybody asks for the work of this host; without a configured server a note."""
    client = await _client(settings)
    if client is None:
        return Grade.NOTE, "no Temporal server that a worker could ask"
    try:
        queues = await served_queues(settings)
    except OrchestratorError as error:
        if settings.temporal_address is None and error.code == "worker_not_polling":
            return Grade.NOTE, error.message
        raise
    return Grade.OK, f"{', '.join(queues)} polled"


def journals(settings: WorkerSettings) -> Answer:
    """What has been open for a day is nobody's business any more but an operator's.

    Raises:
        OrchestratorError: ``journal_unreadable``.
    """
    if not settings.state_dir.exists():
        return Grade.OK, "none"
    still_open = JournalStore(StateDir(settings.state_dir)).unsettled()
    late = [journal for journal in still_open if journal.opened_at + DAY < datetime.now(UTC)]
    if late:
        told = "; ".join(
            f"{one.project}/{one.target.service}: mm-orchestrator recover {one.run_id}" for one in late
        )
        return Grade.NOTE, f"open for more than a day: {told}"
    return Grade.OK, f"{len(still_open)} open, none for more than a day"


async def leftovers(settings: WorkerSettings) -> Answer:
    """What ``clean`` would remove."""
    if not settings.state_dir.exists():
        return Grade.OK, "none"
    rules = _rules(settings)
    job = cleaning(settings, rules)
    going = select(await job.look(), rules).going
    if going:
        return (
            Grade.NOTE,
            f"{len(going)} things, up to {size_text(total_of(going))}: mm-orchestrator clean --dry-run",
        )
    return Grade.OK, "nothing that mm-orchestrator clean would remove"


async def _client(settings: WorkerSettings) -> Client | None:
    """Where the server does not answer, its own check says so."""
    address = resolve_address(settings)
    try:
        with temporal_errors(address):
            client = await open_client(address, resolve_namespace(settings, address))
            await client.service_client.check_health()
    except OrchestratorError:
        return None
    return client


def _require_private(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise OrchestratorError("key_unreadable", path=path, detail="others can read it: chmod 600")


def _still_whole(run: RunLeft) -> bool:
    return any(one.kind in {Kind.ARTIFACTS, Kind.JOURNAL} for one in run.files)


def _rules(settings: WorkerSettings) -> Rules:
    return Rules(datetime.now(UTC), timedelta(days=settings.retention_days))
