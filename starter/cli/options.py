"""Arguments and options, with the words that explain them."""

from pathlib import Path
from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Run id or workflow id.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]
Approver = Annotated[
    str | None,
    typer.Option(
        "--approver",
        metavar="ID",
        help="Who decides; default $MM_ORCHESTRATOR_USER, else the operating system's user.",
    ),
]
Token = Annotated[
    str | None, typer.Option("--token", metavar="TOKEN", help="A signed approval token.", show_default=False)
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        dir_okay=False,
        help="Sign with this key; default: your own in the state directory.",
    ),
]
ApprovalToken = Annotated[
    str | None,
    typer.Option(
        "--approval-token", metavar="TOKEN", help="An approval of this very plan.", show_default=False
    ),
]
Comment = Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="Kept on record.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed without a terminal.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept on record.", show_default=False)]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many runs, newest first.")]
Download = Annotated[
    Path | None,
    typer.Option(
        "--download", metavar="DIR", file_okay=False, help="Copy every artifact there and check its SHA-256."
    ),
]
Links = Annotated[bool, typer.Option("--links", help="Print an address for each that opens without a login.")]
ValidFor = Annotated[
    str, typer.Option("--valid-for", metavar="TIME", help="How long a link is valid, at most 7d.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until the step is over.")]

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[SERVICE] INSTRUCTION", help="What to do, as one quoted sentence.", show_default=False
    ),
]
Project = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="The Compose project, where several are known."),
]
Local = Annotated[
    bool, typer.Option("--local", help="Run everything in this process; no server has to be started.")
]
ProjectDir = Annotated[
    Path | None,
    typer.Option(
        "--project-dir",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="The Compose project's directory (with --local).",
    ),
]
PlanOnly = Annotated[bool, typer.Option("--plan-only", help="Stop after the plan; touch nothing.")]
PatchFile = Annotated[
    Path | None,
    typer.Option("--patch", metavar="FILE", help="Apply this unified diff ('-': standard input)."),
]
Detach = Annotated[bool, typer.Option("--detach", help="Start the run, say how to watch it, and leave.")]
RequestedBy = Annotated[
    str | None,
    typer.Option(
        "--requested-by",
        metavar="ID",
        help="Who asks; default $MM_ORCHESTRATOR_USER, else the operating system's user.",
    ),
]
MaxRounds = Annotated[
    int | None, typer.Option("--max-rounds", metavar="N", help="At most so many repair rounds (1 to 20).")
]
