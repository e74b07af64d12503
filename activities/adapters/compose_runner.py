"""Runs Compose for one project and reads its answers; Compose's own words are quoted in every error."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from packaging.version import Version

from activities.adapters import process
from activities.adapters.compose_cli import PLAIN_UP, VERSION_ARGV, ComposeCli, UpFlags
from activities.adapters.compose_memory import ComposeMemory
from activities.adapters.compose_model import ComposeModel, parse_model
from activities.adapters.compose_secrets import dotenv_variables, secrets_in_config
from activities.adapters.plugin_files import compose_mark
from activities.adapters.process import ChildRegistry, Completed
from activities.adapters.redaction import Redactor
from activities.adapters.secret_sources import read_start
from activities.adapters.spans import command_span
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ContainerState
from workflows.models.target import ComposeProject

Sink = Callable[[bytes], None]
T = TypeVar("T")

READ_SECONDS = 30.0
_QUOTED_CHARACTERS = 800
_PASSED_ON: tuple[str, ...] = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
    "BUILDX_CONFIG", "BUILDX_BUILDER", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_FIXED = {"LC_ALL": "C.UTF-8", "COMPOSE_MENU": "0", "DOCKER_CLI_HINTS": "false", "NO_COLOR": "1"}
_UNSET = re.compile(r'The \\?"([^"\\]+)\\?" variable is not set')
_NOT_A_COMPLAINT = re.compile(
    r"""^(?:time="[^"]*"\ level=(?:warning|info|debug)\b | \s*(?:Container|Network|Volume|Image)\ )""",
    re.VERBOSE,
)
_DAEMON_AWAY = re.compile(
    r"Cannot connect to the Docker daemon|error during connect|connection re(?:fused|set by peer)|\bEOF\b"
)
"""Also in the middle of a question: then nothing it said is an answer about the project."""
_DRY_RUN_LINE = re.compile(r"^\s*DRY-RUN MODE -\s+Container (?P<name>\S+)\s+(?P<what>\S.*?)\s*$")
_RENAMED = re.compile(r"^[0-9a-f]{12}_")
_NO_CHANGE = frozenset({"Running", "Skipped"})


@dataclass(frozen=True)
class ComposeRunner:
    """Compose with a whitelisted environment: no variable of the worker leaks into a project."""

    environment: Mapping[str, str]
    """The worker's environment; only named variables of it are passed on."""
    memory: ComposeMemory = field(default_factory=ComposeMemory)
    """Of what Compose makes of files alone; whatever asks the daemon is asked each time."""

    async def version(self) -> Version:
        """The plugin's version; asked anew once the docker command or a plugin of it is another file.

        Raises:
            OrchestratorError: ``compose_missing``, ``docker_unavailable``.
        """
        mark = await asyncio.to_thread(compose_mark, self._environment_of(None))
        known = self.memory.version_of(mark)
        if known is not None:
            return known
        done = await self._run(list(VERSION_ARGV), None)
        number = re.search(r"\d+\.\d+\.\d+", done.stdout)
        if done.returncode != 0 or number is None:
            detail = (done.stderr or done.stdout).strip()[:300]
            raise OrchestratorError("compose_missing", detail=detail)
        version = Version(number.group())
        self.memory.seen_version(version, mark)
        return version

    async def model(self, project: ComposeProject) -> ComposeModel:
        """What Compose makes of the project's files.

        Raises:
            OrchestratorError: ``compose_invalid`` with Compose's own message.
        """
        return await self._recalled(project, "model", lambda: self._model(project))

    async def _model(self, project: ComposeProject) -> ComposeModel:
        done = await self._read(ComposeCli(project).config(), project)
        unset = tuple(sorted(set(_UNSET.findall(done.stderr))))
        seen = {**_dotenv(project), **self._environment_of(project)}
        secrets = await asyncio.to_thread(secrets_in_config, done.stdout, seen)
        return parse_model(done.stdout, unset, secrets)

    async def inputs(self, project: ComposeProject) -> str | None:
        """A hash over all that Compose reads of files and environment; None where that cannot be told."""
        return await asyncio.to_thread(self.memory.inputs, project, self._environment_of(project))

    async def config_hash(self, project: ComposeProject, service: str) -> str:
        """The hash of one service's configuration: its containers' label, where it has no ``env_file``.

        Raises:
            OrchestratorError: ``compose_invalid``.
        """
        done = await self._recalled(
            project,
            f"hash of {service}",
            lambda: self._read(ComposeCli(project).config_hash(service), project),
        )
        return _last_word(done)

    async def resolved(self, project: ComposeProject) -> str:
        """The resolved model as JSON. It holds secrets: for passing on to Compose, never to be stored.

        Raises:
            OrchestratorError: ``compose_invalid``.
        """
        return (await self._read(ComposeCli(project).config(), project)).stdout

    async def resolved_config_hash(self, project: ComposeProject, service: str, resolved: str) -> str:
        """The hash of a service in a resolved model, whose ``env_file`` contents are part of it.

        Raises:
            OrchestratorError: ``compose_invalid``.
        """
        argv = ComposeCli(project).resolved_config_hash(service)
        return _last_word(await self._read(argv, project, resolved.encode()))

    async def dry_run_changes(
        self, project: ComposeProject, containers: Awaitable[Iterable[ContainerState]] | None = None
    ) -> frozenset[str]:
        """Services that a plain ``up -d`` would create, recreate, start or remove containers of (I3).

        Args:
            project: whose services.
            containers: asks for all of them, beside the dry run: the daemon answers neither while it starts
                a container. Without it Compose is asked, which takes a process.

        Raises:
            OrchestratorError: ``compose_invalid``, ``docker_unavailable``.
        """
        cli = ComposeCli(project)
        model, active, idle, whole = await asyncio.gather(
            self.model(project),
            self._recalled(project, "active", lambda: self._read(cli.active_services(), project)),
            self._idle(project, containers),
            self._run(cli.up_dry_run(), project),
        )
        names = frozenset(active.stdout.split())
        if whole.returncode == 0:
            return changed_services(_printed(whole), model) | (idle & names)
        return await self._dry_run_each(project, model, names) | (idle & names)

    async def _idle(
        self, project: ComposeProject, containers: Awaitable[Iterable[ContainerState]] | None
    ) -> frozenset[str]:
        """Services with a container that does not run."""
        if containers is not None:
            return frozenset(one.service for one in await containers if one.status != "running")
        states = await self._read(ComposeCli(project).states(), project)
        pairs = (line.split() for line in states.stdout.splitlines())
        return frozenset(pair[0] for pair in pairs if len(pair) == 2 and pair[1] != "running")

    async def _dry_run_each(
        self, project: ComposeProject, model: ComposeModel, names: frozenset[str]
    ) -> frozenset[str]:
        """One service that cannot be created (its image is gone) ends the whole dry run: ask for each."""
        changed: set[str] = set()
        for name in sorted(names):
            single = await self._run(ComposeCli(project).up_dry_run(name), project)
            changed |= {name} if single.returncode != 0 else changed_services(_printed(single), model)
        return frozenset(changed)

    async def build(self, project: ComposeProject, service: str, sink: Sink, children: ChildRegistry) -> int:
        """Build one service's image; output reaches ``sink`` while it runs (SPEC FR-005)."""
        return await self._stream(ComposeCli(project).build(service), project, sink, children)

    async def up(
        self,
        project: ComposeProject,
        service: str,
        scale: int,
        *,
        sink: Sink,
        children: ChildRegistry,
        flags: UpFlags = PLAIN_UP,
    ) -> int:
        """Replace one service's containers; see ``ComposeCli.up``. Returns the exit code."""
        argv = ComposeCli(project).up(service, scale, flags)
        return await self._stream(argv, project, sink, children)

    async def _recalled(self, project: ComposeProject, question: str, ask: Callable[[], Awaitable[T]]) -> T:
        """For questions about files only, whose answer may be that of an earlier step."""
        return await self.memory.recalled(project, self._environment_of(project), question, ask)

    async def _read(self, argv: list[str], project: ComposeProject, stdin: bytes | None = None) -> Completed:
        done = await self._run(argv, project, stdin)
        if done.returncode != 0:
            raise OrchestratorError("compose_invalid", detail=complaint(done.stderr or done.stdout))
        return done

    async def _run(
        self, argv: list[str], project: ComposeProject | None, stdin: bytes | None = None
    ) -> Completed:
        """A question, whatever its exit code.

        Raises:
            OrchestratorError: ``docker_unavailable``, ``compose_missing``.
        """
        try:
            with command_span(argv):
                done = await process.run(
                    argv,
                    cwd=_directory(project),
                    env=self._environment_of(project),
                    timeout_seconds=READ_SECONDS,
                    stdin=stdin,
                )
        except FileNotFoundError as error:
            detail = "there is no docker command on the PATH"
            raise OrchestratorError("compose_missing", detail=detail) from error
        except TimeoutError as error:
            detail = f"docker compose gave no answer within {READ_SECONDS:g} s"
            raise OrchestratorError("docker_unavailable", detail=detail) from error
        if done.returncode != 0 and _DAEMON_AWAY.search(done.stderr):
            raise OrchestratorError("docker_unavailable", detail=complaint(done.stderr))
        return done

    async def _stream(
        self, argv: list[str], project: ComposeProject, sink: Sink, children: ChildRegistry
    ) -> int:
        env = self._environment_of(project)
        with command_span(argv):
            return await process.stream(argv, cwd=_directory(project), env=env, sink=sink, children=children)

    def _environment_of(self, project: ComposeProject | None) -> dict[str, str]:
        """PWD is the project's directory, as in the shell of whoever deployed it."""
        named = project.environment if project else ()
        passed = {name: self.environment[name] for name in (*_PASSED_ON, *named) if name in self.environment}
        return {**passed, **_FIXED, "PWD": _directory(project)}


def _dotenv(project: ComposeProject) -> dict[str, str]:
    """The files from which Compose takes variables that the environment does not have."""
    files = project.env_files or (str(Path(project.working_dir) / ".env"),)
    return {k: v for file in files for k, v in dotenv_variables(read_start(Path(file))).items()}


def _last_word(done: Completed) -> str:
    return done.stdout.split()[-1] if done.stdout.split() else ""


def changed_services(output: str, model: ComposeModel) -> frozenset[str]:
    """The services whose containers a dry run would touch, from what it printed."""
    changed = set()
    for line in output.splitlines():
        match = _DRY_RUN_LINE.match(line)
        if match and match["what"] not in _NO_CHANGE:
            changed.add(_service_of(_RENAMED.sub("", match["name"]), model))
    return frozenset(changed)


def _service_of(container: str, model: ComposeModel) -> str:
    for service in model.services.values():
        numbered = re.fullmatch(rf"{re.escape(model.name)}[-_]{re.escape(service.name)}[-_]\d+", container)
        if numbered or service.container_name == container:
            return service.name
    return container  # an orphan: named as it is


def complaint(printed: str) -> str:
    """Compose's own message without warnings and progress, masked and cut to a quotable length."""
    lines = (line.strip() for line in printed.splitlines() if not _NOT_A_COMPLAINT.match(line))
    said = dict.fromkeys(line for line in lines if line)
    return Redactor(()).text("; ".join(said))[-_QUOTED_CHARACTERS:] or "no message"


def _printed(done: Completed) -> str:
    return f"{done.stdout}\n{done.stderr}"


def _directory(project: ComposeProject | None) -> str:
    return project.working_dir if project and Path(project.working_dir).is_dir() else "/"
