"""The evidence of a run: a line each where there is room, else three (SPEC FR-011)."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from starter.links import ArtifactLink
from starter.rendering.style import plain, said
from starter.rendering.text import one_line, step_label
from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.record import StepRecord
from workflows.quantities import size


@dataclass(frozen=True)
class ArtifactTable:
    """Name, step, size, state, SHA-256 and address; checksum and address are never cut or broken."""

    artifacts: Sequence[RunArtifact]
    steps: Sequence[StepRecord] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose by the room there is."""
        if not self.artifacts:
            yield Text("No artifacts yet.")
            return
        table = _table(self.artifacts, self.steps)
        if Measurement.get(console, options.update_width(_UNBOUNDED), table).maximum <= options.max_width:
            yield table
        else:
            yield from (_three_lines(artifact, self.steps) for artifact in self.artifacts)


_UNBOUNDED = 100_000


def link_lines(links: Sequence[ArtifactLink]) -> list[Text]:
    """A line each for name and address, so that the address can be copied in one piece."""
    return [
        plain(f"{one_line(link.name)}  {link.state}\n  {one_line(link.address or link.why)}")
        for link in links
    ]


def _step_of(artifact: RunArtifact, steps: Sequence[StepRecord]) -> str:
    return next((step_label(step) for step in steps if artifact.name in step.artifacts), "report")


def _table(artifacts: Sequence[RunArtifact], steps: Sequence[StepRecord]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("NAME", overflow="fold")
    table.add_column("STEP", no_wrap=True)
    table.add_column("SIZE", no_wrap=True, justify="right")
    for name in ("STATE", "SHA-256"):
        table.add_column(name, no_wrap=True)
    table.add_column("ADDRESS", overflow="fold")
    for artifact in artifacts:
        table.add_row(
            said(artifact.name),
            said(_step_of(artifact, steps)),
            Text(size(artifact.size_bytes)),
            _state(artifact),
            said(artifact.sha256),
            said(artifact.uri),
        )
    return table


def _three_lines(artifact: RunArtifact, steps: Sequence[StepRecord]) -> Text:
    text = said(artifact.name, style="bold")
    text.append(
        f"  {one_line(_step_of(artifact, steps))}  {size(artifact.size_bytes)}  ", style="not bold"
    ).append_text(_state(artifact))
    text.append(f"\n  sha256 {one_line(artifact.sha256)}\n  {one_line(artifact.uri)}", style="not bold")
    text.no_wrap, text.overflow = True, "ignore"  # the terminal wraps it, and copies it in one piece
    return text


def _state(artifact: RunArtifact) -> Text:
    return Text(artifact.state, style="" if artifact.state is ArtifactState.STORED else "yellow")
