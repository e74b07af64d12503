"""A redactor that knows the secrets of one target: its containers' and its project's own values (I5)."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from activities.adapters.compose_model import ComposeModel
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.compose_secrets import dotenv_variables
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.known_secrets import KnownSecrets
from activities.adapters.redaction import Redactor
from activities.adapters.secret_sources import read_start, secrets_in, secrets_in_text
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding
from workflows.models.target import ComposeProject, Target

_MAX_ENV_FILES = 50


@dataclass(frozen=True)
class Masking:
    """Gathers the values that must not appear in what a step writes about a target."""

    docker: DockerEngine
    compose: ComposeRunner
    known: KnownSecrets = field(default_factory=KnownSecrets)
    """What the whole process masks; it learns what is found here."""

    async def redactor(self, target: Target) -> Redactor:
        """Masks every known value; where one source cannot be read, the others and the patterns still mask.

        A rollback must not fail because the compose file cannot be read any more.
        """
        values = await self._before_compose(target.project)
        with suppress(OrchestratorError):
            model = await self.compose.model(target.project)
            values |= model.secret_values | await asyncio.to_thread(_of_dockerfiles, model)
        return self.known.redactor(values)

    async def learn(self, project: ComposeProject) -> None:
        """What can be known before Compose has read the project: an error of Compose may quote it."""
        self.known.learn(await self._before_compose(project))

    async def _before_compose(self, project: ComposeProject) -> set[str]:
        values = await asyncio.to_thread(_of_files, project)
        with suppress(OrchestratorError):
            for container in await self.docker.containers(project.name):
                values |= await self.docker.secret_values(container.id)
        return values


def _of_files(project: ComposeProject) -> set[str]:
    """What compose files, and env files beside them, say in plain words; blocking."""
    found: set[str] = set()
    for path in project.config_files:
        found |= secrets_in_text(read_start(Path(path)))
    for file in _env_files(project):
        found |= secrets_in(dotenv_variables(read_start(file)))
    return found


def _env_files(project: ComposeProject) -> Iterator[Path]:
    yield from map(Path, project.env_files)
    with suppress(OSError):
        beside = sorted({*Path(project.working_dir).glob(".env*"), *Path(project.working_dir).glob("*.env")})
        yield from beside[:_MAX_ENV_FILES]


def _of_dockerfiles(model: ComposeModel) -> frozenset[str]:
    """Defaults of ``ARG`` and ``ENV``: a build prints them without their names; blocking."""
    found: frozenset[str] = frozenset()
    for service in model.services.values():
        if service.build_context and service.dockerfile and not service.dockerfile_inline:
            found |= secrets_in_text(read_start(Path(service.build_context) / service.dockerfile))
    return found


def masked_finding(finding: Finding, redactor: Redactor) -> Finding:
    """The finding with every text that people read masked; what an editor acts on stays as it is."""
    return finding.model_copy(
        update={
            "reason": redactor.text(finding.reason),
            "doubts": tuple(redactor.text(doubt) for doubt in finding.doubts),
            "consulted": tuple(redactor.text(asked) for asked in finding.consulted),
            "quotes": tuple(q.model_copy(update={"text": redactor.text(q.text)}) for q in finding.quotes),
        }
    )


def holds_secret(finding: Finding, redactor: Redactor) -> bool:
    """Whether what an editor would act on is a secret: masked it would be another change."""
    acted_on = (*finding.names, finding.version or "", finding.replaces or "", finding.target or "")
    return any(redactor.text(text) != text for text in acted_on)
