"""A redactor that knows the secrets of one target: its containers' and its project's own values (I5)."""

from contextlib import suppress
from dataclasses import dataclass

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.redaction import Redactor
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding
from workflows.models.target import Target


@dataclass(frozen=True)
class Masking:
    """Gathers the values that must not appear in what a step writes about a target."""

    docker: DockerEngine
    compose: ComposeRunner

    async def redactor(self, target: Target) -> Redactor:
        """Masks every known value; where one source cannot be read, the patterns still mask.

        A rollback must not fail because the compose file cannot be read any more.
        """
        values: set[str] = set()
        with suppress(OrchestratorError):
            for container in await self.docker.containers(target.project.name):
                values |= await self.docker.secret_values(container.id)
        with suppress(OrchestratorError):
            values |= (await self.compose.model(target.project)).secret_values
        return Redactor(values)


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
