"""The evidence of a run as a table (SPEC FR-011)."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from starter.rendering.style import said
from starter.rendering.text import size
from workflows.models.artifact import ArtifactState, RunArtifact


def artifact_table(artifacts: Sequence[RunArtifact]) -> RenderableType:
    """Name, size, state, SHA-256 and address of each artifact; hash and address are never cut."""
    if not artifacts:
        return Text("No artifacts yet.")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("NAME", no_wrap=True)
    table.add_column("SIZE", no_wrap=True, justify="right")
    table.add_column("STATE", no_wrap=True)
    table.add_column("SHA-256 AND ADDRESS", overflow="fold")
    for artifact in artifacts:
        style = "" if artifact.state is ArtifactState.STORED else "yellow"
        table.add_row(
            said(artifact.name),
            Text(size(artifact.size_bytes)),
            Text(artifact.state, style=style),
            said(f"{artifact.sha256}\n").append(f"\n{said(artifact.uri).plain}"),
        )
    return table
