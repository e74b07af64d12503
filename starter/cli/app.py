"""The command line's table of contents. The worker package adds its commands to the same app."""

from importlib.metadata import version
from typing import Annotated

import typer

from starter.cli import bundle, decide, evidence, logs, look, retry, run, stats
from starter.cli.keys import add_keys
from starter.cli.session import LocalStack, open_session

__all__ = ["LocalStack", "build_app"]


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mm-orchestrator {version('mm-orchestrator')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_say_version),
]


def build_app(local: LocalStack) -> typer.Typer:
    """The app with every command of an operator.

    Args:
        local: how ``run --local`` starts a server and a worker inside this process tree.
    """
    app = typer.Typer(
        name="mm-orchestrator",
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
        context.obj = open_session(local)

    _add_commands(app)
    return app


def _add_commands(app: typer.Typer) -> None:
    """In the order in which the help lists them."""
    app.command("run")(run.run)
    app.command("list")(look.list_runs)
    app.command("show")(look.show)
    app.command("explain")(look.explain)
    app.command("watch")(look.watch)
    app.command("plan")(look.plan)
    app.command("diff")(evidence.diff)
    app.command("logs")(logs.logs)
    app.command("approve")(decide.approve)
    app.command("reject")(decide.reject)
    app.command("cancel")(decide.cancel)
    app.command("retry")(retry.retry)
    app.command("artifacts")(evidence.artifacts)
    app.command("verify-bundle")(bundle.verify_bundle)
    app.command("stats")(stats.stats)
    app.command("report-manual")(stats.report_manual)
    add_keys(app)
