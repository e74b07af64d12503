"""Verify: measure that the service is healthy and stays so, and that nobody else was touched.

    1. every container is of before or of this run; another one is ``foreign_change`` (I8)
    2. state of every replica, health checks and HTTP probes, until they stay good (SPEC FR-007)
    3. the rest of the project compared with what the journal recorded before (SPEC FR-006, I3)

Every single result is a line of ``verify.log``; both comparisons are ``containers.json``. It changes
nothing, so a retry simply measures again. An unhealthy service is a result, not an error.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from temporalio import activity

from activities.adapters import journal_marks
from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.evidence_log import EvidenceLog, closing
from activities.adapters.heartbeat import beating
from activities.adapters.http_probe import HttpProber
from activities.adapters.journal import Journal, JournalStore
from activities.adapters.masking import Masking
from activities.adapters.neighbour_proof import EarlyDryRun, NeighbourProver, daemon_warnings
from activities.adapters.redaction import Redactor
from activities.adapters.workspace import Workspace
from activities.health_watch import HealthWatch
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.failure import Failure
from workflows.models.snapshot import ContainerState, NeighbourProof
from workflows.models.status import StepName
from workflows.models.verification import ProbeResult
from workflows.ownership import strangers
from workflows.ports import VerifyInput, VerifyResult
from workflows.verdict import Verdict

_LAST_LINE_CHARACTERS = 300
_TAIL_LINES = 200


@dataclass
class Probes:
    """First and last result of each check, in the order they were first made."""

    began: float = field(default_factory=time.monotonic)
    ends: dict[str, tuple[ProbeResult, ProbeResult]] = field(default_factory=dict)
    status: Callable[[], str] = lambda: "begins"
    """Where the verification stands, masked."""

    def line(self, result: ProbeResult) -> str:
        """Take note of a result; returns its line for the log."""
        first, _ = self.ends.get(result.check, (result, result))
        self.ends[result.check] = (first, result)
        good, detail = "ok  " if result.ok else "FAIL", " ".join(result.detail.split())
        after = time.monotonic() - self.began
        return (
            f"{result.at:%Y-%m-%dT%H:%M:%S.%f}Z +{after:8.3f}s {good} {result.check} "
            f"[{result.vantage}] {detail} ({result.elapsed_seconds:.3f} s)"
        )

    def summary(self, redactor: Redactor) -> tuple[ProbeResult, ...]:
        """For the run record: masked, and small, however long the verification was."""
        pairs = ((first,) if first is last else (first, last) for first, last in self.ends.values())
        return tuple(
            result.model_copy(update={"detail": redactor.text(result.detail)})
            for pair in pairs
            for result in pair
        )


@dataclass(frozen=True)
class Verify:
    """The verify step (SPEC FR-006, FR-007)."""

    journals: JournalStore
    docker: DockerEngine
    compose: ComposeRunner
    prober: HttpProber
    artifacts: ArtifactStore
    masking: Masking

    @activity.defn(name=ports.VERIFY.name)
    async def verify(self, job: VerifyInput) -> VerifyResult:
        """Watch the service until a verdict, then prove that its neighbours were left alone.

        Raises:
            OrchestratorError: ``journal_missing``, ``docker_unavailable``, ``compose_invalid``, and
                ``journal_settled`` where somebody settled the run: its evidence is closed by then (I6).
        """
        probes = Probes()
        async with beating(lambda: f"verify: {probes.status()}"):
            return await self._verify(job, probes)

    async def _verify(self, job: VerifyInput, probes: Probes) -> VerifyResult:
        run = job.run
        guard = self.journals.guard(run.run_id, run.generation, run.epoch)
        journal = guard.check()
        redactor = await self.masking.redactor(job.target)
        log = EvidenceLog(self.artifacts.open(run.run_id, artifact_name("verify.log", run.round)), redactor)
        early = EarlyDryRun(self.docker, self.compose, job.target.project)

        def foreign(containers: tuple[ContainerState, ...]) -> str:
            guard.check()  # whoever took the run over vouches for this evidence soon: it must not grow (I6)
            return _foreign(journal, containers)

        watch = HealthWatch(
            self.docker,
            self.prober,
            job.target,
            job.verification,
            known=frozenset(container.id for container in journal.snapshot.containers),
            report=lambda result: log.say(probes.line(result)),
            foreign=foreign,
            nearly=early.begin,
        )
        probes.status = lambda: redactor.text(watch.status)
        async with closing(log), aclosing(early):
            verdict = await _verdict(watch, log)
            proving = asyncio.create_task(NeighbourProver(self.docker, self.compose).prove(journal, early))
            try:
                failure = await self._judge(job, verdict, watch, log)
                failure = failure or await self._reference_failure(journal)
                proof = await proving
            finally:
                proving.cancel()
        guard.check()
        artifacts = (await log.close(), await self._store(job, proof))
        return VerifyResult(
            failure=_with_evidence(failure or _neighbour_failure(proof), artifacts, redactor),
            probes=probes.summary(redactor),
            neighbours=proof,
            duration_seconds=round(time.monotonic() - probes.began, 3),
            artifacts=artifacts,
            warnings=(
                *(f"neighbour_restarted: {text}" for text in proof.self_restarted),
                *daemon_warnings(proof),
                *await asyncio.to_thread(_edited_meanwhile, journal),
            ),
        )

    async def _reference_failure(self, journal: Journal) -> Failure | None:
        """Healthy, but the next ``up`` would deploy what somebody else named so meanwhile (I8)."""
        ref = journal.target.image
        if journal_marks.owns_reference(journal, await self.docker.image_mark(ref)):
            return None
        return OrchestratorError("foreign_change", path=f"what image {ref} is").failure(StepName.VERIFY)

    async def _judge(
        self, job: VerifyInput, verdict: Verdict | Failure, watch: HealthWatch, log: EvidenceLog
    ) -> Failure | None:
        """What is wrong, with the service's last words in the log; None where nothing is."""
        if isinstance(verdict, Failure) or verdict.code is None:
            return verdict if isinstance(verdict, Failure) else None
        failure = await self._failure(job, verdict, watch)
        for container in watch.containers:
            log.say(f"==> end of the log of {container.name} {container.id[:12]} <==")
            log.write((await self.docker.logs(container.id, _TAIL_LINES)).encode())
            if health := await self.docker.health_log(container.id):
                log.say(f"==> health checks of {container.name} <==")
                log.write(health.encode())
        return failure

    async def _failure(self, job: VerifyInput, verdict: Verdict, watch: HealthWatch) -> Failure:
        detail = verdict.detail
        crashed = _crashed(watch) if verdict.code == "container_crashed" else None
        if crashed is not None:
            code = watch.exit_codes.get(crashed.id)
            if code is not None and "code" not in detail:
                detail += f", last with code {code}"
            lines = (await self.docker.logs(crashed.id, tail_lines=50)).strip().splitlines()
            detail += f": {lines[-1].strip()[:_LAST_LINE_CHARACTERS]}" if lines else "; it logged nothing"
        error = OrchestratorError(
            verdict.code or "",
            service=job.target.service,
            seconds=f"{job.verification.max_wait_seconds:g}",
            detail=detail,
            path=detail,
        )
        return error.failure(StepName.VERIFY)

    async def _store(self, job: VerifyInput, proof: NeighbourProof) -> RunArtifact:
        name = artifact_name("containers.json", job.run.round)
        document = proof.model_dump_json(indent=2).encode() + b"\n"
        return await self.artifacts.put(job.run.run_id, name, document)


async def _verdict(watch: HealthWatch, log: EvidenceLog) -> Verdict | Failure:
    try:
        verdict = await watch.watch()
    except OrchestratorError as error:
        if error.code != "probe_unavailable":
            raise
        log.say(f"verdict: {error.code}: {error.message}")
        return error.failure(StepName.VERIFY)
    log.say(f"verdict: {verdict.code or 'healthy'} {verdict.detail}")
    return verdict


def _with_evidence(
    failure: Failure | None, artifacts: tuple[RunArtifact, ...], redactor: Redactor
) -> Failure | None:
    if failure is None:
        return None
    names = tuple(artifact.name for artifact in artifacts)
    return failure.model_copy(update={"message": redactor.text(failure.message), "artifacts": names})


def _edited_meanwhile(journal: Journal) -> tuple[str, ...]:
    """Files that somebody edited after they were built from: kept, and not part of what was verified (I8)."""
    workspace, found = Workspace(journal.target), []
    for entry in journal.entries:
        with suppress(OrchestratorError):
            if workspace.hash(entry.path) not in {entry.before, *entry.written}:
                found.append(f"foreign_change: {entry.path} was edited by somebody else; it is kept")
    return tuple(found)


def _foreign(journal: Journal, containers: tuple[ContainerState, ...]) -> str:
    """Containers that neither were there before nor are this run's (I8)."""
    before = journal.snapshot.containers
    found = strangers(containers, before, journal.containers_made, journal.ups)
    return ", ".join(f"container {container.name} (it is new)" for container in found)


def _crashed(watch: HealthWatch) -> ContainerState | None:
    """The replica to quote: one that is down, else one that Docker restarted."""
    down = [c for c in watch.containers if c.status in {"exited", "dead", "restarting"}]
    again = [c for c in watch.containers if c.id in watch.exit_codes]
    return next(iter(down + again + list(watch.containers)), None)


def _neighbour_failure(proof: NeighbourProof) -> Failure | None:
    if proof.untouched:
        return None
    names = (*proof.changed, *(f"{name} (a plain up would change it now)" for name in proof.dry_run_new))
    return OrchestratorError("neighbour_changed", names=", ".join(names)).failure(StepName.VERIFY)
