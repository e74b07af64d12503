"""The command line's table of contents. The worker package adds its commands to the same app."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from starter.cli.deferred import Deferred, deferring

if TYPE_CHECKING:
    from starter.cli.session import LocalStack

_COMMANDS: Final = (
    Deferred("run", "starter.cli.run", "run", "Carry out one instruction on one service."),
    Deferred("list", "starter.cli.look", "list_runs", "List runs, newest first."),
    Deferred("show", "starter.cli.look", "show", "Show everything known about a run."),
    Deferred("explain", "starter.cli.look", "explain", "Explain a run on one screen."),
    Deferred("watch", "starter.cli.look", "watch", "Follow a run until it ends."),
    Deferred("plan", "starter.cli.look", "plan", "Show a run's plan."),
    Deferred("diff", "starter.cli.evidence", "diff", "Print the whole diff of a run's plan."),
    Deferred("logs", "starter.cli.logs", "logs", "Print the logs of one step."),
    Deferred("approve", "starter.cli.decide", "approve", "Approve the plan that waits."),
    Deferred("reject", "starter.cli.decide", "reject", "Reject the plan that waits."),
    Deferred("cancel", "starter.cli.decide", "cancel", "Cancel a run."),
    Deferred(
        "retry",
        "starter.cli.retry",
        "retry",
        "Ask for the same again, after a run that failed, was rolled back, rejected or cancelled.",
    ),
    Deferred(
        "artifacts",
        "starter.cli.evidence",
        "artifacts",
        "List or download a run's evidence, or print links that open in a browser.",
    ),
    Deferred(
        "verify-bundle",
        "starter.cli.bundle",
        "verify_bundle",
        "Check a downloaded folder, or a run where it is stored, against its manifest.",
    ),
    Deferred("stats", "starter.cli.stats", "stats", "Show the success criteria and rates over a period."),
    Deferred(
        "report-manual",
        "starter.cli.stats",
        "report_manual",
        "Record how many commands you typed by hand in a month, beside the orchestrator.",
    ),
    Deferred("keys", "starter.cli.keys", "add_keys", "Signing keys of approvers.", group=True),
)
"""In the order in which the help lists them; a test holds the summaries to the commands' own help."""


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and seldom asked for

        typer.echo(f"mm-orchestrator {version('mm-orchestrator')}")
        raise typer.Exit


def build_app(local: "LocalStack") -> typer.Typer:
    """The app with every command of an operator.

    Args:
        local: how ``run --local`` starts a server and a worker inside this process tree.
    """
    app = typer.Typer(
        name="mm-orchestrator",
        cls=deferring(_COMMANDS),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def main(
        context: typer.Context,
        _version: Annotated[
            bool,
            typer.Option(
                "--version", help="Print the version and exit.", is_eager=True, callback=_say_version
            ),
        ] = False,
    ) -> None:
        """Repair one broken service of a Docker Compose stack, prove it, or put everything back."""
        from starter.cli.session import open_session  # noqa: PLC0415 - the help needs none

        context.obj = open_session(local)

    return app
