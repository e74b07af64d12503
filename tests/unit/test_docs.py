"""The documents name what the code has: commands, options, settings, error codes, modules."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from pydantic import AliasChoices
from typer.core import TyperCommand, TyperGroup

from starter.cli.app import build_app
from worker.commands import add_commands, local_stack
from worker.settings import WorkerSettings
from workflows.error_table import error_table
from workflows.models.status import RunStatus

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPTIONS = README + (ROOT / "deploy" / "COMMANDS.md").read_text()
SETTINGS = (ROOT / "deploy" / "SETTINGS.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def commands(group: TyperGroup, path: str = "") -> Iterator[tuple[str, TyperCommand]]:
    """Every command of the command line with its full name."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path}{name} ")
        else:
            assert isinstance(command, TyperCommand)
            yield path + name, command


def whole_command_line() -> TyperGroup:
    """What the console script builds."""
    app = build_app(local_stack)
    add_commands(app)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    group.load()  # type: ignore[attr-defined]
    return group


COMMANDS = dict(commands(whole_command_line()))


def test_the_command_line_has_commands() -> None:
    """The tests below are not empty."""
    assert {"run", "dev", "worker", "recover", "policy check", "doctor"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    """A command nobody can find does not exist."""
    assert re.search(rf"`{name}[ `\[]", README), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    """So does an option."""
    options = [o for p in COMMANDS[name].params for o in p.opts if o.startswith("--") and o != "--help"]
    assert [option for option in options if option not in OPTIONS] == []


def test_every_setting_is_documented() -> None:
    """Every environment variable that is read is documented."""
    names: set[str] = set()
    for field in WorkerSettings.model_fields.values():
        alias = field.validation_alias
        names |= set(map(str, alias.choices)) if isinstance(alias, AliasChoices) else {str(alias)}
    missing = {name for name in names if f"`{name}`" not in SETTINGS}
    assert missing == set()


def test_the_error_page_is_current() -> None:
    """Regenerate it with ``python -m workflows.error_table > deploy/ERRORS.md``."""
    assert (ROOT / "deploy" / "ERRORS.md").read_text() == error_table()


def test_terminal_statuses_are_in_the_readme() -> None:
    """An operator meets exactly these words."""
    assert [s for s in RunStatus if s.terminal and f"`{s}`" not in README] == []


def test_the_house_is_drawn_as_it_stands() -> None:
    """Every package has its row, and every path that ARCHITECTURE.md names exists."""
    packages = {p.parent.relative_to(ROOT).as_posix() for p in (ROOT / "activities").glob("*/__init__.py")}
    assert [package for package in packages if f"`{package}/`" not in ARCHITECTURE] == []
    named = re.findall(
        r"`((?:workflows|activities|worker|starter|deploy)/[\w./-]*\w(?:\.py|/))`", ARCHITECTURE
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_is_short() -> None:
    """About a hundred lines: what does not fit belongs elsewhere."""
    assert len(README.splitlines()) <= 120


def test_every_picture_is_shown_small_and_real() -> None:
    """``make screenshots`` makes them; one that no page shows, or that is too heavy, does not stay."""
    pictures = {path.name: path for path in (ROOT / "docs" / "screenshots").iterdir()}
    shown = set(
        re.findall(r"screenshots/([\w-]+\.png)", README + (ROOT / "docs" / "OPERATING.md").read_text())
    )
    assert set(pictures) == shown
    assert {name for name, path in pictures.items() if path.stat().st_size >= 250_000} == set()
    assert {path.read_bytes()[:8] for path in pictures.values()} == {b"\x89PNG\r\n\x1a\n"}


def test_every_state_of_a_run_is_explained() -> None:
    """Who filters the list by ``mm_state`` finds each of its words."""
    page = (ROOT / "docs" / "OPERATING.md").read_text()
    words = set(re.findall(r'"([a-z_]+)"', (ROOT / "workflows" / "visibility.py").read_text()))
    states = words & {"initializing", "planning", "executing", "finalizing", "awaiting_external",
                      "awaiting_slot", "completed", "no_commit", "failed", "canceled"}  # fmt: skip
    assert len(states) == 10
    assert [state for state in states if f"`{state}`" not in page] == []
