"""Analyze: collect the evidence, mask it, and let the rules speak.

Evidence is what Docker and the last failed step left behind: container state, logs, health log, build
log. A healthy service ends here, and so does one whose cause no rule can cure.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.heartbeat import beating
from activities.adapters.http_probe import HttpProber
from activities.adapters.journal import JournalStore
from activities.adapters.masking import Masking, holds_secret, masked_finding
from activities.adapters.redaction import Redactor
from activities.consulting.consultant import Consultant, Consultation, Consulted
from activities.consulting.removed_names import removed_name
from activities.diagnosis.answers import edit_refused
from activities.diagnosis.diagnose import Decision, Diagnosis, diagnose, scan
from activities.diagnosis.evidence import ContainerFacts, Evidence, Phase, SourceText
from activities.diagnosis.operator.findings import operator_finding, require_doable
from activities.diagnosis.project import Project
from activities.diagnosis.rendering import render_analysis
from activities.diagnosis.source_tree import read_text
from activities.second_opinion import SecondOpinion, unexplained
from workflows import ports
from workflows.models.finding import Finding, FindingKind
from workflows.models.request import IntentKind
from workflows.models.snapshot import ContainerState
from workflows.ports import AnalyzeInput, AnalyzeResult
from workflows.standing import standing

_LOG_LINES = 2000
_BUILD_LOG_BYTES = 2 * 1024 * 1024
_TEXT_CHARACTERS = 4 * 1024 * 1024
"""Of each text; the last lines of a log can be long ones."""
_STARTING_SECONDS = 15.0
_GUARD_SECONDS = 120.0
"""How long what an execution before a reset did may take to be rolled back."""


@dataclass(frozen=True)
class Analyze:
    """The analyze step (SPEC User Story 1)."""

    engine: DockerEngine
    prober: HttpProber
    artifacts: ArtifactStore
    masking: Masking
    consultant: Consultant
    journals: JournalStore
    second_opinion: SecondOpinion | None = None
    """None: no language model is configured."""

    @activity.defn(name=ports.ANALYZE.name)
    async def analyze(self, job: AnalyzeInput) -> AnalyzeResult:
        """Evidence to findings.

        Raises:
            OrchestratorError: ``docker_unavailable``, ``no_safe_fix`` for an instruction without a file it
                could change, or ``journal_settled`` where somebody settled the run between its rounds, or
                where it was reset.
        """
        run = job.run
        async with beating("analyze"):
            await self.journals.require_unwritten(run.run_id, run.generation, run.round, _GUARD_SECONDS)
            return await self._analyze(job)

    async def _analyze(self, job: AnalyzeInput) -> AnalyzeResult:
        redactor = await self.masking.redactor(job.target)
        containers = await self._settled_containers(job)
        asked_to_repair = job.failure is None and job.intent.kind is IntentKind.REPAIR
        if asked_to_repair and (reason := await self._healthy(job, containers)):
            return await self._answer(job, (), AnalyzeResult(healthy=True, reason=reason), redactor)
        evidence = await self._evidence(job, containers, redactor)
        if job.failure is None and not asked_to_repair:
            finding = await asyncio.to_thread(operator_finding, job.intent, Project(evidence))
            found = AnalyzeResult(healthy=False, findings=(finding,), reason=finding.reason)
            found = _doable(await self._consulted(job, evidence, found))
            return await self._answer(job, evidence.sources, found, redactor)
        if job.failure is None and not containers:
            found = await asyncio.to_thread(_never_started, evidence)
            return await self._answer(job, (), await self._consulted(job, evidence, found), redactor)
        diagnosis = await asyncio.to_thread(diagnose, evidence)
        pinned = await self._removed_name(job, evidence, diagnosis)
        found = _conclude(job, containers, pinned or diagnosis)
        if not found.healthy and not found.findings and unexplained(diagnosis):
            found = await self._second_opinion(job, evidence, found, redactor)
        seen = found if pinned else await self._consulted(job, evidence, found)
        return await self._answer(job, evidence.sources, seen, redactor)

    async def _consulted(self, job: AnalyzeInput, evidence: Evidence, found: AnalyzeResult) -> AnalyzeResult:
        """The findings as the image's package index lets them stand; all of them gone is no safe fix."""
        seen = await self._consult(job, evidence, found.findings)
        reason = "; ".join([found.reason, *seen.withdrawn])
        return found.model_copy(update={"findings": seen.findings, "reason": reason})

    async def _consult(
        self, job: AnalyzeInput, evidence: Evidence, findings: tuple[Finding, ...]
    ) -> Consulted:
        base_image = await asyncio.to_thread(lambda: Project(evidence).base_image)
        about = Consultation(
            run_id=job.run.run_id,
            findings=findings,
            images=(job.target.image, base_image),
            read=lambda path: read_text(Path(job.target.workspace) / path) or "",
            build_target=evidence.build_target or None,
            min_package_age_days=job.min_package_age_days,
        )
        return await self.consultant.consult(about)

    async def _removed_name(
        self, job: AnalyzeInput, evidence: Evidence, diagnosis: Diagnosis
    ) -> Diagnosis | None:
        """For a declined name that a package lacks: a pin, where the index knows when the name went."""
        if diagnosis.decision is not Decision.DECLINE or not diagnosis.findings:
            return None
        project = Project(evidence)
        asked = await asyncio.to_thread(removed_name, diagnosis.findings[0], project)
        seen = (await self._consult(job, evidence, (asked,))).findings if asked else ()
        proven = next((finding for finding in seen if finding.version), None)
        refusal = await asyncio.to_thread(edit_refused, proven, project) if proven else ""
        if proven is None or refusal:
            return None
        return Diagnosis(decision=Decision.FIX, findings=(proven,), reason=proven.reason)

    async def _second_opinion(
        self, job: AnalyzeInput, evidence: Evidence, found: AnalyzeResult, redactor: Redactor
    ) -> AnalyzeResult:
        """What a language model makes of a failure that no rule knows, where one may be asked."""
        if self.second_opinion is None or not job.may_ask_llm:
            return found
        opinion = await self.second_opinion.ask(job.run.run_id, evidence, job.target.allow, redactor)
        warnings = (opinion.note,) if opinion.note else ()
        if opinion.finding is None or _acted_on(opinion.finding, job.known):
            return found.model_copy(update={"warnings": warnings})
        reason = redactor.text(opinion.finding.reason)
        fresh = (opinion.finding,)
        return AnalyzeResult(healthy=False, findings=fresh, reason=reason, warnings=warnings)

    async def _settled_containers(self, job: AnalyzeInput) -> tuple[ContainerState, ...]:
        """The replicas, once no health check is still at its beginning (bounded).

        What is broken for sure, such as a crash loop, is not waited for: it would start for ever.
        """
        project, service = job.target.project.name, job.target.service
        for _ in range(int(_STARTING_SECONDS / 0.5)):
            containers = await self.engine.containers(project, service)
            starting = any(c.health == "starting" for c in containers)
            broken = standing(containers, wanted=job.target.scale, now=datetime.now(UTC)).broken
            if job.failure is not None or not starting or broken:
                break
            await asyncio.sleep(0.5)
        return containers

    async def _healthy(self, job: AnalyzeInput, containers: Sequence[ContainerState]) -> str:
        """Why the service counts as healthy; empty where it does not."""
        state = standing(containers, wanted=job.target.scale, now=datetime.now(UTC))
        if state.broken or not containers:
            return ""
        results = [
            await self.prober.probe(probe, container.pid)
            for probe in job.verification.http
            for container in containers[:1]
        ]
        if not all(result.ok for result in results):
            return ""
        if not state.proved and not results:
            # Up, but nothing proves it: only a log without a cause may call that healthy.
            return ""
        checks = [f"{result.check}: {result.detail}" for result in results]
        return f"{job.target.service} is healthy: {'; '.join([state.reason, *checks])}"

    async def _evidence(
        self, job: AnalyzeInput, containers: Sequence[ContainerState], redactor: Redactor
    ) -> Evidence:
        sources = [] if job.failure is None else await self._build_log(job)
        if not sources:
            for container in containers:
                sources += await self._container_texts(container)
        build = job.target.build
        first = containers[0] if containers else None
        return Evidence(
            service=job.target.service,
            sources=await asyncio.to_thread(_masked, sources, redactor),
            container=_facts(first, redactor) if first else ContainerFacts(),
            workspace=Path(job.target.workspace),
            context=Path(build.context) if build else None,
            dockerfile=Path(build.dockerfile) if build else None,
            build_target=(build.target or "") if build else "",
        )

    async def _container_texts(self, container: ContainerState) -> list[SourceText]:
        log = await self.engine.logs(container.id, _LOG_LINES)
        health = await self.engine.health_log(container.id)
        name = container.name
        texts = [SourceText(f"log of {name}", log, Phase.RUN)]
        if container.restart_count:  # it may be too early for this attempt to fail
            before = await self.engine.last_words(container)
            if before and before not in log:
                texts.append(SourceText(f"log of {name} before its last start", before, Phase.RUN))
        return [*texts, SourceText(f"health log of {name}", health, Phase.HEALTH)] if health else texts

    async def _build_log(self, job: AnalyzeInput) -> list[SourceText]:
        """The log of the build that failed in the round before: it speaks before any container."""
        if job.failure is None or job.failure.code != "build_failed":
            return []
        name = artifact_name("build.log", job.run.round - 1)
        data = await self.artifacts.last_bytes(job.run.run_id, name, _BUILD_LOG_BYTES)
        if data is None:
            return [SourceText("build failure", job.failure.message, Phase.BUILD)]
        return [SourceText(name, data.decode("utf-8", "replace"), Phase.BUILD)]

    async def _answer(
        self, job: AnalyzeInput, sources: Sequence[SourceText], result: AnalyzeResult, redactor: Redactor
    ) -> AnalyzeResult:
        """Store what was looked at and what was made of it; nothing unmasked goes on from here (I5)."""
        result = _without_secrets(result, redactor)
        text = render_analysis(job.target.service, sources, result)
        name = artifact_name("analyze.log", job.run.round)
        stored = await self.artifacts.put(job.run.run_id, name, text.encode("utf-8", "replace"))
        return result.model_copy(update={"artifacts": (stored,)})


def _without_secrets(result: AnalyzeResult, redactor: Redactor) -> AnalyzeResult:
    """Texts of the Dockerfile and of sources are in findings too, and were not masked with the logs."""
    kept = tuple(f for f in result.findings if not holds_secret(f, redactor))
    withdrawn = "; what would be changed holds a secret, so it is for a person to change"
    reason = result.reason + (withdrawn if len(kept) < len(result.findings) else "")
    findings = tuple(masked_finding(finding, redactor) for finding in kept)
    return result.model_copy(update={"findings": findings, "reason": redactor.text(reason)})


def _conclude(job: AnalyzeInput, containers: Sequence[ContainerState], diagnosis: Diagnosis) -> AnalyzeResult:
    fresh = tuple(f for f in diagnosis.findings if not _acted_on(f, job.known))
    if diagnosis.decision == "fix" and fresh:
        return AnalyzeResult(healthy=False, findings=fresh, reason=diagnosis.reason)
    state = standing(containers, wanted=job.target.scale, now=datetime.now(UTC))
    if job.failure is None and not state.broken:
        reason = f"{job.target.service} runs and its log shows no cause ({state.reason})"
        return AnalyzeResult(healthy=True, reason=reason)
    if diagnosis.decision == "fix":
        return AnalyzeResult(healthy=False, reason=f"{diagnosis.reason} (tried already)")
    quotes = [quote.text.strip() for finding in diagnosis.findings for quote in finding.quotes[:1]]
    quoted = "".join(f': "{quote[:300]}"' for quote in quotes[:1])
    where = "" if job.failure else f" ({state.reason})"
    return AnalyzeResult(healthy=False, reason=f"{diagnosis.reason}{quoted}{where}")


def _doable(found: AnalyzeResult) -> AnalyzeResult:
    """What was asked for plainly, once it is known to be whole; half of it must not become a plan."""
    for finding in found.findings:
        require_doable(finding)
    return found


def _never_started(evidence: Evidence) -> AnalyzeResult:
    """Nothing has spoken yet: what the sources lack is added; build and first start are the evidence."""
    service = evidence.service
    reason = f"{service} has no container, so there is no log; building and starting it shows what is missing"
    rebuild = Finding(rule="service.absent", kind=FindingKind.REBUILD, reason=reason)
    return AnalyzeResult(healthy=False, findings=(*scan(evidence), rebuild), reason=reason)


def _facts(container: ContainerState, redactor: Redactor) -> ContainerFacts:
    return ContainerFacts(container.exit_code, container.oom_killed, redactor.text(container.error))


def _acted_on(finding: Finding, known: Sequence[Finding]) -> bool:
    same = (finding.kind, finding.names, finding.target)
    return any((earlier.kind, earlier.names, earlier.target) == same for earlier in known)


def _masked(sources: Sequence[SourceText], redactor: Redactor) -> tuple[SourceText, ...]:
    """Blocking: a long log takes seconds."""
    return tuple(SourceText(s.name, redactor.text(_end_of(s.text)), s.phase) for s in sources)


def _end_of(text: str) -> str:
    """Whole lines only: half a secret would not be recognized."""
    if len(text) <= _TEXT_CHARACTERS:
        return text
    return text[-_TEXT_CHARACTERS:].partition("\n")[2]
