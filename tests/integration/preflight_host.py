"""A worker's view of one real Compose project, for the preflight tests."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from socketserver import ThreadingUnixStreamServer

import pytest

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.holds import HoldStore
from activities.adapters.journal import JournalStore
from activities.adapters.masking import Masking
from activities.adapters.policy_file import PolicySource
from activities.adapters.state_dir import StateDir
from activities.preflight import Preflight
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.errors import OrchestratorError
from workflows.models.request import RunRequest
from workflows.ports import PreflightInput, PreflightResult, RunRef

RUN_ID = "run-under-test"
SLEEPER = 'command: ["sleep", "600"]\n    init: true\n    stop_grace_period: 1s\n'
COMPOSE = f"""\
services:
  api:
    build: ./api
    {SLEEPER}  worker:
    image: python:3.13-slim
    {SLEEPER}"""
DOCKERFILE = "FROM python:3.13-slim\nCOPY requirements.txt /\n"
FILES = {"compose.yaml": COMPOSE, "api/Dockerfile": DOCKERFILE, "api/requirements.txt": "flask\n"}
REPAIR = "repair the missing dependency for the api service"

MakeHost = Callable[..., "PreflightHost"]


@dataclass(frozen=True)
class PreflightHost:
    """Preflight wired to the real engine and to private directories."""

    sandbox: ComposeSandbox
    state: StateDir
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    policy: Path | None = None
    names: tuple[str, ...] = ()

    def with_policy(self, text: str) -> "PreflightHost":
        """The same host with a policy file; ``{dir}`` and ``{name}`` are those of the project."""
        path = self.state.root / "policy.yaml"
        path.write_text(
            text.replace("{dir}", str(self.sandbox.directory)).replace("{name}", self.sandbox.name)
        )
        return replace(self, policy=path)

    def with_environment(self, **variables: str) -> "PreflightHost":
        """The same host with other variables."""
        return replace(self, environment={**self.environment, **variables})

    @property
    def journals(self) -> JournalStore:
        """The journals in the private state directory."""
        return JournalStore(self.state)

    @property
    def step(self) -> Preflight:
        """The activity under test."""
        if self.policy is None:
            names = self.names or (self.sandbox.name,)
            source = PolicySource(project_dir=self.sandbox.directory, implicit_names=names)
        else:
            source = PolicySource(path=self.policy)
        return Preflight(
            engine=DockerEngine.from_environment(self.environment),
            compose=ComposeRunner(self.environment),
            policies=source,
            journals=self.journals,
            artifacts=ArtifactStore.in_state_dir(self.state),
            holds=HoldStore(self.state),
            masking=Masking(DockerEngine.from_environment(self.environment), ComposeRunner(self.environment)),
        )

    async def accept(self, instruction: str, **request: object) -> PreflightResult:
        """Run preflight; nothing may have been touched."""
        before = self._untouched()
        result = await self.step.preflight(self._input(instruction, request))
        assert self._untouched() == before
        return result

    async def refuse(self, instruction: str, **request: object) -> OrchestratorError:
        """Run preflight, which must refuse and touch nothing."""
        before = self._untouched()
        with pytest.raises(OrchestratorError) as caught:
            await self.step.preflight(self._input(instruction, request))
        assert self._untouched() == before
        return caught.value

    def asked(self, instruction: str, **request: object) -> PreflightInput:
        """Preflight's input for an instruction on this project."""
        return self._input(instruction, request)

    def _input(self, instruction: str, request: dict[str, object]) -> PreflightInput:
        asked = RunRequest.model_validate({"instruction": instruction, **request})
        run = RunRef(run_id=RUN_ID, workflow_id="mm:test")
        return PreflightInput(run=run, request=asked, project=(self.names or (self.sandbox.name,))[0])

    def _untouched(self) -> tuple[object, ...]:
        files = {k: v for k, v in self.sandbox.checksums().items() if not k.startswith("state/")}
        return files, self.sandbox.fingerprints()


def fake_docker(directory: Path, script: str) -> str:
    """A PATH whose ``docker`` runs ``script`` first; what that does not answer goes to the real one."""
    real = next(p for p in os.get_exec_path() if (Path(p) / "docker").exists())
    directory.mkdir()
    command = directory / "docker"
    command.write_text(f'#!/bin/sh\n{script}\nexec "{real}/docker" "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket(AF_UNIX, SOCK_STREAM)
        self.sock.connect(self._path)


def read_only_proxy(path: Path, engine_socket: str) -> ThreadingUnixStreamServer:
    """A Docker socket proxy that lets reading pass and answers 403 to every change."""

    class Handler(BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            upstream = _UnixConnection(engine_socket)
            upstream.request(self.command, self.path)
            answer = upstream.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the names http.server asks for

        def do_POST(self) -> None:
            self.send_error(403)

    server = ThreadingUnixStreamServer(str(path), Handler)
    server.daemon_threads = True
    return server


def host_maker(compose_project: ComposeFactory, state: Path) -> MakeHost:
    """``make(extra_files, compose=...)``: a project on disk and a worker that looks at it."""

    def make(extra: dict[str, str] | None = None, *, compose: str = COMPOSE) -> PreflightHost:
        sandbox = compose_project({**FILES, "compose.yaml": compose, **(extra or {})})
        return PreflightHost(sandbox, StateDir(state))

    return make
