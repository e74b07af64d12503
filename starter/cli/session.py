"""One invocation of the command line: its settings, its consoles, its way to Temporal, its errors."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TextIO

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.text import Text

from starter.cli.exit_codes import ExitCode
from starter.evidence import EvidenceFiles
from starter.masking import mask
from starter.rendering.errors import error_text
from starter.settings import StarterSettings
from workflows.errors import OrchestratorError

if TYPE_CHECKING:  # temporalio costs a third of a second, which --help should not pay
    from temporalio.client import Client

    from starter.client import OrchestratorClient

PIPED_WIDTH = 240
"""Columns where nobody looks: wide enough that ``grep`` finds whole lines."""


class LocalStack(Protocol):
    """Temporal server and worker inside this process tree, for ``run --local``."""

    def __call__(self, project_dir: Path | None) -> "AbstractAsyncContextManager[Client]":
        """Start everything; leaving the context stops it. Raises OrchestratorError before a run begins."""
        ...


@dataclass(frozen=True)
class Session:
    """What every command needs, built once per invocation.

    Attributes:
        local: how ``run --local`` starts its own server and worker.
        settings: from the environment.
        out: standard output, for answers.
        err: standard error, for progress beside a JSON answer and for errors.
    """

    local: LocalStack
    settings: StarterSettings
    out: Console
    err: Console

    def execute(self, work: Callable[[], Coroutine[Any, Any, int]]) -> NoReturn:
        """Run one command to its exit code; every error becomes a code, a sentence and a remedy."""
        try:
            code = asyncio.run(work())
        except OrchestratorError as error:
            code = self.fail(error)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except Exception as error:  # the last line of defence: never a traceback, unless asked for one
            if self.settings.debug:
                raise
            detail = f"{type(error).__name__}: {error}"
            code = self.fail(OrchestratorError("internal_error", detail=detail))
        raise typer.Exit(int(code))

    def fail(self, error: OrchestratorError, code: ExitCode = ExitCode.FAILED) -> ExitCode:
        """Print an error of the catalogue; its exit code is 2 where the request itself is at fault."""
        self.refuse(error.code, error.message, error.remedy)
        return ExitCode.NO_RUN if error.code == "invalid_request" else code

    def refuse(self, code: str, message: str, remedy: str) -> None:
        """Print code, cause and remedy on standard error."""
        put(self.err, error_text(code, mask(message), mask(remedy)))

    def answer(self, *renderables: RenderableType) -> None:
        """Print an answer on standard output."""
        put(self.out, *renderables)

    def note(self, *renderables: RenderableType) -> None:
        """Print something beside the answer, on standard error."""
        put(self.err, *renderables)

    def json(self, document: BaseModel | tuple[BaseModel, ...]) -> None:
        """Print one JSON document on standard output, in ASCII so that no terminal obeys it."""
        data: object = (
            document.model_dump(mode="json")
            if isinstance(document, BaseModel)
            else [item.model_dump(mode="json") for item in document]
        )
        self.out.file.write(json.dumps(data, indent=2) + "\n")
        self.out.file.flush()

    @asynccontextmanager
    async def client(self) -> "AsyncIterator[OrchestratorClient]":
        """A client for the server that the environment, or a running ``dev``, names."""
        from starter.address import resolve_address, resolve_namespace  # noqa: PLC0415 - see TYPE_CHECKING
        from starter.client import OrchestratorClient  # noqa: PLC0415

        settings = self.settings
        address = resolve_address(settings)
        yield await OrchestratorClient.connect(
            address,
            resolve_namespace(settings, address),
            state_dir=settings.state_dir,
            task_queue=settings.task_queue,
            store=self.files.store,
        )

    @property
    def files(self) -> EvidenceFiles:
        """The evidence that can be had from here: state directory and, where configured, object store.

        Raises:
            OrchestratorError: ``settings_invalid``.
        """
        from starter.object_store import object_store  # noqa: PLC0415 - as above

        return EvidenceFiles(self.settings.state_dir, object_store(self.settings))

    @asynccontextmanager
    async def local_client(self, project_dir: Path | None) -> "AsyncIterator[OrchestratorClient]":
        """A client for a server and worker that live as long as this context."""
        from starter.client import OrchestratorClient  # noqa: PLC0415

        async with self.local(project_dir) as client:
            settings = self.settings
            yield OrchestratorClient(
                client,
                state_dir=settings.state_dir,
                task_queue=settings.task_queue,
                store=self.files.store,
            )


def open_session(local: LocalStack) -> Session:
    """A session on the process's own environment and streams."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal that cannot show a character must not end a command
            reconfigure(errors="backslashreplace")
    return Session(local=local, settings=StarterSettings(), out=console(sys.stdout), err=console(sys.stderr))


def console(stream: TextIO) -> Console:
    """A console that takes nothing for markup; NO_COLOR and COLUMNS are honoured."""
    plain = Console(file=stream, markup=False, highlight=False, emoji=False)
    if plain.is_terminal or os.environ.get("COLUMNS"):
        return plain
    return Console(file=stream, markup=False, highlight=False, emoji=False, width=PIPED_WIDTH)


def put(target: Console, *renderables: RenderableType) -> None:
    """Print; without a terminal no line carries the spaces that pad a table."""
    if target.is_terminal:
        for renderable in renderables:
            _print(target, renderable)
        return
    with target.capture() as captured:
        for renderable in renderables:
            _print(target, renderable)
    lines = captured.get().split("\n")
    target.file.write("\n".join(line.rstrip() for line in lines))
    target.file.flush()


def _print(target: Console, renderable: RenderableType) -> None:
    if isinstance(renderable, Text):  # rich joins texts into a new one, which forgets how they wrap
        target.print(renderable, crop=False, no_wrap=renderable.no_wrap, overflow=renderable.overflow)
    else:
        target.print(renderable, crop=False)


def session_of(context: typer.Context) -> Session:
    """The session that the app's callback opened."""
    session = context.obj
    assert isinstance(session, Session)  # noqa: S101 - build_app's callback always sets it
    return session
