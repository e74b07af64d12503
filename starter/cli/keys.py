"""The commands around signing keys: make one, sign a decision for the temporal command line (FR-009)."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from starter.cli.exit_codes import ExitCode
from starter.cli.options import Approver, KeyFile, RunName
from starter.cli.session import Session, session_of
from starter.rendering.style import plain
from workflows.errors import OrchestratorError
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus
from workflows.models.token import Act

_MINUTES: Final = 15

Identity = Annotated[str, typer.Argument(metavar="ID", help="The approver, as policy names them.")]
OutDir = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", file_okay=False, help="Where; default keys in the state directory."),
]
ValidFor = Annotated[int, typer.Option("--valid-for", metavar="MINUTES", min=1, max=43200, help="How long.")]
Rejecting = Annotated[bool, typer.Option("--reject", help="The token rejects the plan.")]
PreApproving = Annotated[
    bool, typer.Option("--pre-approve", help="For a later run: of a planned run's very plan, without its id.")
]


def add_keys(app: typer.Typer) -> None:
    """Add the group ``keys``."""
    keys = typer.Typer(no_args_is_help=True, help="Signing keys of approvers.")
    keys.command("new")(new)
    keys.command("sign")(sign)
    app.add_typer(keys, name="keys")


def new(context: typer.Context, identity: Identity, out: OutDir = None) -> None:
    """Make a signing key.

    The private half stays in a file of yours; the public half goes into the policy.
    """
    session = session_of(context)

    async def work() -> int:
        from starter.signing import KEYS_DIRECTORY, new_key  # noqa: PLC0415 - cryptography is slow to load

        made = new_key(identity, (out or session.settings.state_dir / KEYS_DIRECTORY).expanduser().absolute())
        session.note(
            plain(f"The private key is {made.path}: it stays with {identity}, nobody else may read it.")
        )
        session.note(plain("For the policy file:"))
        quoted = '"' + identity.replace("\\", "\\\\").replace('"', '\\"') + '"'
        session.answer(plain(f"approvers:\n  {quoted}:\n    public_key: {made.public_key}"))
        return ExitCode.OK

    session.execute(work)


def sign(  # noqa: PLR0913 - a command's options are its parameters
    context: typer.Context,
    run: RunName,
    *,
    key: KeyFile = None,
    approver: Approver = None,
    reject: Rejecting = False,
    pre_approve: PreApproving = False,
    valid_for: ValidFor = _MINUTES,
) -> None:
    """Print a token for one decision about exactly the current plan of a run.

    temporal workflow signal -w ID --name Approve -i '{"token":"..."}'
    """
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            record = await client.get(run)
        act = Act.REJECT if reject else Act.APPROVE
        token = sign_for(session, record, act=act, key=key, approver=approver, pre_approve=pre_approve,
                         valid_for=timedelta(minutes=valid_for))  # fmt: skip
        session.out.file.write(token + "\n")
        session.out.file.flush()
        return ExitCode.OK

    session.execute(work)


def sign_for(  # noqa: PLR0913 - all of it is what is signed
    session: Session,
    record: RunRecord,
    *,
    act: Act,
    key: Path | None,
    approver: str | None,
    pre_approve: bool = False,
    valid_for: timedelta = timedelta(minutes=_MINUTES),
) -> str:
    """A token for a run's current plan.

    Raises:
        OrchestratorError: ``no_plan_yet``, ``run_already_ended``, ``key_unreadable``.
    """
    from starter.signing import Binding, sign  # noqa: PLC0415

    plan = record.plan
    if plan is None:
        raise OrchestratorError("no_plan_yet")
    if record.status.terminal and not (pre_approve and record.status is RunStatus.PLANNED):
        raise OrchestratorError("run_already_ended", run=record.run_id, status=record.status)
    who = approver or session.settings.identity
    bound = Binding(plan.project, plan.service, plan.digest, None if pre_approve else record.run_id, act)
    return sign(key or default_key(session, who), who, bound, valid_for)


def default_key(session: Session, identity: str) -> Path:
    """Where ``keys new`` puts the key of an identity."""
    from starter.signing import KEYS_DIRECTORY, key_path  # noqa: PLC0415

    return key_path(identity, session.settings.state_dir / KEYS_DIRECTORY)


def signs_by_itself(session: Session, key: Path | None, approver: str | None) -> bool:
    """Whether a decision is to be signed: a key is named, or the decider's own one is in its place."""
    return key is not None or default_key(session, approver or session.settings.identity).is_file()
