"""The commands that need a worker's parts: dev, worker, doctor, recover, clean, policy check, diagnose.

Their imports are inside: ``--help`` and the commands that only ask Temporal should not wait for them.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.doctor import Check
    from worker.settings import WorkerSettings

FAILED: Final = 5

ProjectDir = Annotated[
    Path | None,
    typer.Option(
        "--project-dir", metavar="DIR", help="The Compose project to serve.", exists=True, file_okay=False
    ),
]
PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy file.")]
RunId = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="A run id or workflow id; without one, the open ones are listed."),
]
AcceptCurrentState = Annotated[
    bool, typer.Option("--accept-current-state", help="Settle without changing anything: keep what is there.")
]
Paused = Annotated[
    str | None, typer.Argument(metavar="[PROJECT]", help="The Compose project.", show_default=False)
]
Everything = Annotated[bool, typer.Option("--all", help="Every project of this Docker host.")]
HoldReason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; whoever waits reads it.", show_default=False)
]
OnlyWorker = Annotated[
    bool, typer.Option("--worker", help="Only: does this machine's worker poll its queues?")
]
LogFile = Annotated[
    Path,
    typer.Option(
        "--log",
        metavar="FILE",
        help="The log of a failed build or service ('-': standard input).",
        show_default=False,
    ),
]
Context = Annotated[
    Path | None,
    typer.Option(
        "--context", metavar="DIR", help="The service's build context.", exists=True, file_okay=False
    ),
]
DockerfilePath = Annotated[
    Path | None,
    typer.Option(
        "--dockerfile",
        metavar="FILE",
        help="Default: Dockerfile of the context.",
        exists=True,
        dir_okay=False,
    ),
]
BaseImage = Annotated[
    str, typer.Option("--base-image", metavar="REF", help="Default: read from the Dockerfile.")
]
PackageManager = Annotated[
    str, typer.Option("--package-manager", metavar="NAME", help="apt, apk or yum; default: found out.")
]
WhichPhase = Annotated[
    Literal["build", "run"] | None,
    typer.Option("--phase", help="When the log was written; default: guessed from it."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")]
OlderThan = Annotated[
    str,
    typer.Option(
        "--older-than",
        metavar="AGE",
        help="90d, 12w; default MM_ORCHESTRATOR_RETENTION_DAYS.",
        show_default=False,
    ),
]
KeepBytes = Annotated[
    str, typer.Option("--keep-bytes", metavar="SIZE", help="Of files, over all runs; the oldest go first.")
]
IncludingUndelivered = Annotated[
    bool, typer.Option("--including-undelivered", help="Also evidence that the artifact store never got.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]


def add_commands(app: typer.Typer) -> None:
    """Add the worker's commands to the operator's."""
    app.command("dev")(dev)
    app.command("worker")(worker)
    app.command("doctor")(doctor)
    app.command("recover")(recover)
    app.command("clean")(clean)
    app.command("hold")(hold)
    app.command("release")(release)
    app.command("diagnose")(diagnose)
    policy = typer.Typer(no_args_is_help=True, help="Look at a policy file.")
    policy.command("check")(policy_check)
    app.add_typer(policy, name="policy")


def local_stack(project_dir: Path | None) -> "AbstractAsyncContextManager[Client]":
    """How ``run --local`` starts server and worker in its own process tree."""
    from worker.serve import local_client  # noqa: PLC0415 - see the module's first lines

    return local_client(project_dir)


def dev(project_dir: ProjectDir = None) -> None:
    """Temporal server, Web UI and worker in one process tree, until Ctrl-C; state is kept."""
    from worker.serve import serve_embedded  # noqa: PLC0415

    _execute(serve_embedded(_settings(), project_dir, _say))


def worker() -> None:
    """The production worker: serves the Temporal server at TEMPORAL_ADDRESS until SIGTERM."""
    from worker.serve import serve  # noqa: PLC0415

    _execute(serve(_settings()))


def doctor(worker: OnlyWorker = False) -> None:
    """Is this machine ready, and will it stay so? One line per check; exit 5 when something is missing."""
    if worker:
        from worker.polling import polled_queues  # noqa: PLC0415

        for one in asyncio.run(polled_queues(_settings())):
            _say(f"{one.queue} is polled for {one.kind}")
        return
    from worker.doctor import Grade, examine  # noqa: PLC0415

    checks = asyncio.run(examine(_settings()))
    for check in checks:
        _say(_line(check))
    if any(check.grade is Grade.FAILED for check in checks):
        raise typer.Exit(FAILED)


def policy_check(file: PolicyFile) -> None:
    """Name every problem of a policy file with its line; exit 5 when there is one."""
    from activities.adapters.policy_file import check_policy, load_policy  # noqa: PLC0415
    from workflows.overrides import expired_notes  # noqa: PLC0415

    problems = check_policy(file)
    for problem in problems:
        _say(str(problem))
    if problems:
        raise typer.Exit(FAILED)
    policy = load_policy(file)
    for note in expired_notes(policy.overrides, datetime.now(UTC)):
        _say(f"note: {note}")
    _say(
        f"{file} is valid: {', '.join(sorted(policy.projects)) or 'no project'}; digest {policy.digest[:12]}"
    )


def recover(run: RunId = None, *, accept_current_state: AcceptCurrentState = False) -> None:
    """Settle what a lost run left, from its journal; needs no Temporal."""
    from worker.recover import recover_command  # noqa: PLC0415

    raise typer.Exit(asyncio.run(recover_command(_settings(), run, accept_current_state, _say)))


def clean(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    older_than: OlderThan = "",
    keep_bytes: KeepBytes = "5G",
    including_undelivered: IncludingUndelivered = False,
    as_json: Json = False,
) -> None:
    """Remove what settled runs left on this machine; exit 5 where something could not be removed."""
    from starter.cli.session import session_of  # noqa: PLC0415
    from worker.clean import clean as carry_out  # noqa: PLC0415
    from worker.clean_view import clean_lines  # noqa: PLC0415
    from worker.retention import Rules, age, byte_count  # noqa: PLC0415

    settings = _settings()
    try:
        oldest = age(older_than or f"{settings.retention_days}d")
        rules = Rules(datetime.now(UTC), oldest, byte_count(keep_bytes), including_undelivered)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    report = asyncio.run(carry_out(settings, rules, dry_run=dry_run))
    if as_json:
        session_of(context).json(report)
    else:
        for line in clean_lines(report):
            _say(line)
    if report.failed:
        raise typer.Exit(FAILED)


def hold(project: Paused = None, *, reason: HoldReason = "", everything: Everything = False) -> None:
    """Pause a project: runs wait before they write, those that have begun come to their end.

    Every worker of this Docker host obeys. Without a project the pauses are listed.
    """
    from worker.pausing import listed, pause  # noqa: PLC0415

    settings = _settings()
    if project is None and not everything:
        lines = listed(settings)
    elif not reason.strip():
        raise typer.BadParameter("say why, whoever waits reads it", param_hint="--reason")
    else:
        lines = (pause(settings, None if everything else project, reason),)
    for line in lines:
        _say(line)


def release(project: Paused = None, *, everything: Everything = False) -> None:
    """End a pause; runs that wait go on."""
    from worker.pausing import resume  # noqa: PLC0415

    if project is None and not everything:
        raise typer.BadParameter("name a project, or --all")
    _say(resume(_settings(), None if everything else project))


def diagnose(  # noqa: PLR0913 - a command's options are its parameters
    context: typer.Context,
    *,
    log: LogFile,
    context_dir: Context = None,
    dockerfile: DockerfilePath = None,
    base_image: BaseImage = "",
    package_manager: PackageManager = "",
    phase: WhichPhase = None,
    as_json: Json = False,
) -> None:
    """What the rules make of a log: the cause, its proof, and the change; needs neither Docker nor Temporal.

    A decision to decline is an answer as well: exit code 0.
    """
    from activities.diagnosis.evidence import Phase  # noqa: PLC0415
    from starter.cli.session import session_of  # noqa: PLC0415
    from worker.diagnosing import Question, answer  # noqa: PLC0415
    from worker.diagnosis_view import answer_view  # noqa: PLC0415

    session = session_of(context)
    known = Phase(phase) if phase else None
    question = Question(log, context_dir, dockerfile, base_image, package_manager, known)
    try:
        found = answer(question)
    except OSError as error:
        raise typer.BadParameter(f"{log}: {error.strerror or error}", param_hint="--log") from error
    if as_json:
        session.json(found)
    else:
        session.answer(*answer_view(found))


def _settings() -> "WorkerSettings":
    from worker.settings import load_settings  # noqa: PLC0415

    return load_settings()


def _execute(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def _say(line: str) -> None:
    typer.echo(line)


def _line(check: "Check") -> str:
    remedy = f"\n{'':24}→ {check.remedy}" if check.remedy else ""
    return f"{check.grade:<7} {check.name:<16}{' '.join(check.detail.split())}{remedy}"
