"""What a run looks like, compared with golden files; untrusted text never reaches a terminal as orders."""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from starter.cli.session import put
from starter.rendering.errors import error_text
from starter.rendering.evidence import ArtifactTable
from starter.rendering.explain import explain_view
from starter.rendering.plan import plan_view
from starter.rendering.record import record_view
from starter.rendering.runs import RunTable
from starter.rendering.steps import changes, progress
from tests.unit import record_samples as samples
from tests.unit.overflowing_samples import overflowing
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

GOLDEN = Path(__file__).parent.parent / "golden" / "cli"
VIEWS: dict[str, Callable[[RunRecord], RenderableType]] = {
    "explain": explain_view,
    "show": lambda record: record_view(record, samples.NOW),
    "progress": lambda record: progress(record, samples.NOW),
    "plan": lambda record: plan_view(record.plan) if record.plan else "",
    "list": lambda record: RunTable((record, samples.SUCCEEDED)),
    "artifacts": lambda record: ArtifactTable(record.artifacts, record.steps),
    "changes": lambda record: "\n".join(changes(None, record)),
}
CASES = [
    *(("explain", name, width) for name in samples.ALL for width in (100,)),
    *((view, "succeeded", width) for view in VIEWS for width in (60, 120)),
    ("artifacts", "succeeded", 240),
    *((view, "rolled-back", 100) for view in ("show", "progress", "changes")),
    *((view, "waiting", 100) for view in ("show", "progress", "changes")),
    ("show", "rollback-incomplete", 100),
    ("changes", "docker-unavailable", 100),
]


def rendered(renderable: RenderableType, width: int, **options: object) -> str:
    """The text as a console of that width prints it."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, markup=False, highlight=False, emoji=False, **options)  # type: ignore[arg-type]
    put(console, renderable)
    return stream.getvalue()


@pytest.mark.parametrize(("view", "name", "width"), CASES)
def test_a_view_is_as_its_golden_file(view: str, name: str, width: int) -> None:
    """Every view shows what its golden file shows; UPDATE_GOLDEN=1 writes it anew and fails."""
    text = rendered(VIEWS[view](samples.ALL[name]), width)
    path = GOLDEN / f"{view}-{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
        pytest.fail(f"{path.name} written; read it")
    assert text == path.read_text()


def test_every_golden_file_belongs_to_a_case() -> None:
    """A golden file that no case compares would prove nothing."""
    assert {path.name for path in GOLDEN.iterdir()} == {f"{v}-{n}-{w}.txt" for v, n, w in CASES}


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_a_terminal_would_obey_gets_through(view: str) -> None:
    """A hostile instruction, log line, name or diff is shown, not obeyed (no escape, no bidi, no markup)."""
    text = rendered(VIEWS[view](samples.HOSTILE), 800, force_terminal=True, color_system=None)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text) is None
    assert "[red]not markup[/red]" in text


@pytest.mark.parametrize("name", [name for name in samples.ALL if name != "hostile"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [40, 80, 300])
def test_a_view_fits_its_console(view: str, name: str, width: int) -> None:
    """No line is wider than the console, but those that are there to be copied in one piece."""
    lines = rendered(VIEWS[view](samples.ALL[name]), width).splitlines()
    copied = re.compile(
        r"\s*(sha256 |file:///|mm-orchestrator |git add|In another|or:|.*\.log |Start the Docker)"
    )
    assert [line for line in lines if len(line) > width and not copied.match(line)] == []


def screen_lines(text: str, width: int) -> int:
    """Lines on a terminal of that width, which wraps what we do not."""
    return sum(max(1, -(-len(line) // width)) for line in text.splitlines())


@pytest.mark.parametrize("status", list(RunStatus))
def test_explain_is_one_screen_whatever_there_is_to_say(status: RunStatus) -> None:
    """At most 40 lines at 100 columns; what matters most is still there: why, the state, what to type."""
    record = overflowing(status)
    text = rendered(explain_view(record), 100)
    assert screen_lines(text, 100) <= 40
    for heading in ("What happened", "What state is left", "What to type", "What is not undone", "Where the"):
        assert heading in text
    assert "build_failed in step build" in text
    assert f"more: mm-orchestrator show {record.run_id}" in text


@pytest.mark.parametrize("name", [name for name in samples.ALL if name != "hostile"])
def test_an_ordinary_run_is_explained_on_a_small_screen(name: str) -> None:
    """Every sample of a status fits as well."""
    assert screen_lines(rendered(explain_view(samples.ALL[name]), 100), 100) <= 40


def test_colours_are_for_colour_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes every colour away and leaves every word."""
    plain = rendered(explain_view(samples.ROLLED_BACK), 100)
    coloured = rendered(explain_view(samples.ROLLED_BACK), 100, force_terminal=True, color_system="standard")
    assert "\x1b[33m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    bare = rendered(explain_view(samples.ROLLED_BACK), 100, force_terminal=True, color_system="standard")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", bare)
    without_styles = re.sub(r"\x1b\[[0-9;]*m", "", bare)
    assert [line.rstrip() for line in without_styles.splitlines()] == plain.splitlines()


def test_the_run_id_is_never_cut() -> None:
    """A run id in a list can be copied, however narrow the terminal is."""
    assert samples.RUN_ID in rendered(RunTable((samples.SUCCEEDED,)), 60)


def test_only_what_changed_is_told() -> None:
    """A second look tells only the steps that moved on, and the wait exactly once."""
    first = samples.BUILDING
    steps = (*first.steps[:2], samples.SUCCEEDED.steps[5], first.steps[3])
    second = first.model_copy(update={"steps": steps, "warnings": ("disk is nearly full",)})
    assert changes(first, first) == ()
    told = changes(first, second)
    assert len(told) == 2
    assert "build" in told[0]
    assert "disk is nearly full" in told[1]
    waiting = samples.WAITING
    assert changes(waiting, waiting) == ()


def test_an_error_names_its_remedy() -> None:
    """Code and cause on one line, what to type on the next."""
    text = rendered(error_text("unknown_run", "No run x is known.", "mm-orchestrator list"), 80)
    assert text == "unknown_run: No run x is known.\n→ mm-orchestrator list\n"
