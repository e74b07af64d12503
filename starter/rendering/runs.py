"""Many runs as a table, newest first (SPEC User Story 2)."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from starter.rendering.style import said, status
from starter.rendering.text import seconds, when
from workflows.models.record import RunRecord


def run_table(records: Sequence[RunRecord]) -> RenderableType:
    """Run id, status, service, start, duration and instruction; the id is never cut."""
    if not records:
        return Text('No runs yet. Start one: mm-orchestrator run SERVICE "INSTRUCTION"')
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("RUN", no_wrap=True, min_width=36)
    table.add_column("STATUS", no_wrap=True, min_width=17)
    table.add_column("SERVICE", overflow="fold", min_width=7)
    table.add_column("CREATED", no_wrap=True)
    table.add_column("TOOK", no_wrap=True, justify="right")
    table.add_column("INSTRUCTION", overflow="fold", min_width=11)
    for record in records:
        table.add_row(
            Text(record.run_id),
            status(record.status),
            said(record.service or "-"),
            Text(when(record.created_at)),
            Text(_took(record)),
            said(record.instruction, limit=200),
        )
    return table


def _took(record: RunRecord) -> str:
    if record.completed_at is None:
        return "-"
    return seconds((record.completed_at - record.created_at).total_seconds())
