"""Commands that are imported when they are called: a table of contents needs names and summaries only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class Deferred:
    """One command, or one group of commands, that is not imported yet."""

    name: str
    module: str
    function: str
    """The command; of a group, what adds it to an app."""
    summary: str
    """For the table of contents; the first line of the command's own help."""
    group: bool = False

    def load(self) -> Any:
        """The command as Typer makes it of its function, or the group."""
        found: Callable[..., Any] = getattr(import_module(self.module), self.function)
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        if self.group:
            found(app)
            group = typer.main.get_command(app)
            assert isinstance(group, TyperGroup)  # noqa: S101 - an app with a group is one
            return group.commands[self.name]
        app.command(self.name)(found)
        return typer.main.get_command(app)


def deferring(entries: Sequence[Deferred]) -> type[TyperGroup]:
    """A group that begins with these commands, each loaded when it is called."""

    class Deferring(TyperGroup):
        """The table of contents."""

        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            stubs = {entry.name: TyperCommand(entry.name, help=entry.summary) for entry in entries}
            self.commands = {**stubs, **self.commands}
            self._waiting = {entry.name: entry for entry in entries}

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """Load the one that is called."""
            self.load(args[0])
            return super().resolve_command(ctx, args)

        def load(self, *names: str) -> "Deferring":
            """Put the real commands in place; without names all of them."""
            for name in names or tuple(self._waiting):
                if (entry := self._waiting.pop(name, None)) is not None:
                    self.commands[name] = entry.load()
            return self

    return Deferring
