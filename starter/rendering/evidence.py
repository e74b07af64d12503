"""The evidence of a run: a line each where there is room, else three (SPEC FR-011)."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from starter.rendering.style import said
from starter.rendering.text import one_line, size
from workflows.models.artifact import ArtifactState, RunArtifact


@dataclass(frozen=True)
class ArtifactTable:
    """Name, size, state, SHA-256 and address; checksum and address are never cut or broken."""

    artifacts: Sequence[RunArtifact]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose by the room there is."""
        if not self.artifacts:
            yield Text("No artifacts yet.")
            return
        table = _table(self.artifacts)
        if Measurement.get(console, options.update_width(_UNBOUNDED), table).maximum <= options.max_width:
            yield table
        else:
            yield from (_three_lines(artifact) for artifact in self.artifacts)


_UNBOUNDED = 100_000


def _table(artifacts: Sequence[RunArtifact]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("NAME", overflow="fold")
    table.add_column("SIZE", no_wrap=True, justify="right")
    for name in ("STATE", "SHA-256"):
        table.add_column(name, no_wrap=True)
    table.add_column("ADDRESS", overflow="fold")
    for artifact in artifacts:
        table.add_row(
            said(artifact.name),
            Text(size(artifact.size_bytes)),
            _state(artifact),
            said(artifact.sha256),
            said(artifact.uri),
        )
    return table


def _three_lines(artifact: RunArtifact) -> Text:
    text = said(artifact.name, style="bold")
    text.append(f"  {size(artifact.size_bytes)}  ", style="not bold").append_text(_state(artifact))
    text.append(f"\n  sha256 {one_line(artifact.sha256)}\n  {one_line(artifact.uri)}", style="not bold")
    text.no_wrap, text.overflow = True, "ignore"  # the terminal wraps it, and copies it in one piece
    return text


def _state(artifact: RunArtifact) -> Text:
    return Text(artifact.state, style="" if artifact.state is ArtifactState.STORED else "yellow")
