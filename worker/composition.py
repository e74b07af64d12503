"""The sole wiring: which adapter stands behind which step, and which step behind which port."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.delivering import Delivering
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.git_diff import GitDiff
from activities.adapters.holds import HoldStore
from activities.adapters.http_probe import HttpProber
from activities.adapters.journal import JournalStore
from activities.adapters.llm import LlmClient
from activities.adapters.llm_budget import LlmBudget
from activities.adapters.masking import Masking
from activities.adapters.measuring import Metrics
from activities.adapters.outbox import Outbox
from activities.adapters.policy_file import PolicySource
from activities.adapters.project_resources import ProjectResources
from activities.adapters.state_dir import PlanStore, StateDir
from activities.adapters.temporal_runs import TemporalRuns
from activities.adapters.throwaway import Throwaway
from activities.adapters.used_tokens import UsedTokens
from activities.adapters.witness import Witness
from activities.analyze import Analyze
from activities.approve import RecordApprovals, Revalidate
from activities.build import Build
from activities.check_token import CheckToken
from activities.checks.implicit_project import implicit_names
from activities.consulting.asking import Asker
from activities.consulting.consultant import Consultant
from activities.deliver import Deliver
from activities.hold import AwaitRelease, LookAround
from activities.lane import EnterLane, LeaveLane
from activities.locate import Locate
from activities.locking.locker import Locker
from activities.notify import Notify
from activities.patch import Patch
from activities.plan import Plan
from activities.preflight import Preflight
from activities.report import Report
from activities.restart import Restart
from activities.risks.gathering import RiskGatherer
from activities.rollback import Rollback
from activities.second_opinion import SecondOpinion
from activities.settle import Recovery, Settle
from activities.verify import Verify
from activities.watch import LookUp, ReadRecord, WatchRun
from worker.evidence import artifact_store
from worker.observing import Observed, announces, mask_of, metrics_of, outbox_of
from worker.own_secrets import known_secrets
from worker.settings import WorkerSettings, queue_word
from worker.witnessing import Witnessing
from worker.workers import Activity, Wiring
from workflows import ports
from workflows.errors import OrchestratorError


class _Stored(TypedDict):
    """What every step that writes evidence beside a journal needs."""

    journals: JournalStore
    artifacts: ArtifactStore
    masking: Masking


@dataclass(frozen=True)
class Adapters:
    """Everything of the outside world, once per process."""

    state: StateDir
    engine: DockerEngine
    compose: ComposeRunner
    policies: PolicySource
    prober: HttpProber
    journals: JournalStore
    holds: HoldStore
    artifacts: ArtifactStore
    masking: Masking
    resources: ProjectResources
    git: GitDiff
    throwaway: Throwaway
    metrics: Metrics
    outbox: Outbox | None = None
    """None: no webhook is configured."""
    second_opinion: SecondOpinion | None = None
    """None: no language model is configured."""


async def compose(settings: WorkerSettings, state: StateDir, project_dir: Path | None) -> Wiring:
    """Wire the production worker.

    Raises:
        OrchestratorError: ``docker_unavailable`` where the daemon must say which host this is, and
            does not answer.
    """
    adapters = await build_adapters(settings, state, project_dir, os.environ)
    return wire(adapters, settings, settings.host or (await adapters.engine.info()).name)


async def compose_embedded(settings: WorkerSettings, state: StateDir, project_dir: Path | None) -> Wiring:
    """Wire the embedded worker; it starts without Docker, so that the run can say what is missing.

    Args:
        settings: the worker's settings.
        state: the state directory.
        project_dir: the project of zero configuration, or the one meant among the policy's.
    """
    adapters = await build_adapters(settings, state, project_dir, os.environ)
    try:
        host = settings.host or (await adapters.engine.info()).name
    except OrchestratorError:
        host = socket.gethostname()
    return wire(adapters, settings, host)


async def build_adapters(
    settings: WorkerSettings, state: StateDir, project_dir: Path | None, environment: Mapping[str, str]
) -> Adapters:
    """Every adapter on this machine's Docker, this state directory and this policy."""
    engine = DockerEngine.from_environment(environment)
    compose_runner = ComposeRunner(environment)
    return Adapters(
        state=state,
        engine=engine,
        compose=compose_runner,
        policies=await _policies(settings, project_dir, engine, compose_runner),
        prober=HttpProber(),
        journals=JournalStore(state, deployment_lock_dir=settings.deployment_lock_dir),
        holds=HoldStore(state),
        artifacts=artifact_store(settings, state),
        masking=Masking(engine, compose_runner, known_secrets()),
        resources=ProjectResources(engine.client),
        git=GitDiff(environment),
        throwaway=Throwaway(engine.client),
        metrics=metrics_of(settings, state),
        outbox=outbox_of(settings, state),
        second_opinion=_second_opinion(settings, state),
    )


def _second_opinion(settings: WorkerSettings, state: StateDir) -> SecondOpinion | None:
    if settings.llm_url is None:
        return None
    client = LlmClient(
        settings.llm_url,
        settings.llm_model,
        settings.llm_api_key.get_secret_value(),
        settings.llm_timeout_seconds,
        settings.llm_max_tokens,
    )
    return SecondOpinion(
        client, LlmBudget(state, settings.llm_max_calls_per_run, settings.llm_max_calls_per_day)
    )


async def _policies(
    settings: WorkerSettings, project_dir: Path | None, engine: DockerEngine, compose_runner: ComposeRunner
) -> PolicySource:
    path = settings.policy_path
    names: tuple[str, ...] = ()
    if path is None and project_dir is not None:
        names = await implicit_names(project_dir, engine, compose_runner)
    return PolicySource(path, project_dir, names)


def wire(adapters: Adapters, settings: WorkerSettings, host: str) -> Wiring:
    """The steps of one host, each on the adapters it needs."""
    word = queue_word(host)
    observed = Observed(
        settings, word, adapters.state.root, adapters.metrics, adapters.outbox, adapters.journals.unsettled
    )
    return Wiring(
        host=word,
        activities=bind(adapters, word, settings.task_queue),
        mask=mask_of(settings),
        of_temporal=lambda client: bind_temporal(TemporalRuns(client, settings.task_queue)),
        unsettled=adapters.journals.unsettled,
        leftovers=adapters.throwaway.sweep,
        deliverable=Delivering(adapters.artifacts).anything,
        metrics=adapters.metrics,
        beside=observed.loops,
        around_steps=(Witnessing(Witness(adapters.state), adapters.journals.begun),),
    )


def bind(on: Adapters, host: str, task_queue: str) -> dict[str, Activity]:
    """Port name -> the one implementation behind it."""
    plans = PlanStore(on.state)
    stored = _Stored(journals=on.journals, artifacts=on.artifacts, masking=on.masking)
    return {
        ports.LOCATE.name: Locate(policies=on.policies, host=host, task_queue=task_queue).locate,
        **_bind_before_the_first_write(on, plans, stored),
        **_bind_changes(on, plans, stored),
        ports.ROLLBACK.name: rollback_step(on).rollback,
        ports.REPORT.name: report_step(on).report,
        ports.LOOK_AROUND.name: LookAround(holds=on.holds, journals=on.journals).look_around,
        ports.AWAIT_RELEASE.name: AwaitRelease(holds=on.holds).await_release,
        ports.DELIVER.name: Deliver(Delivering(on.artifacts)).deliver,
        ports.NOTIFY.name: Notify(outbox=on.outbox).notify,
        ports.SETTLE.name: Settle(recovery=recovery_of(on)).settle,
    }


def _bind_before_the_first_write(on: Adapters, plans: PlanStore, stored: _Stored) -> dict[str, Activity]:
    return {
        ports.PREFLIGHT.name: Preflight(
            engine=on.engine,
            compose=on.compose,
            policies=on.policies,
            journals=on.journals,
            artifacts=on.artifacts,
            holds=on.holds,
            announced=announces(on.outbox),
            masking=on.masking,
        ).preflight,
        ports.ANALYZE.name: Analyze(
            engine=on.engine,
            prober=on.prober,
            artifacts=on.artifacts,
            masking=on.masking,
            consultant=Consultant(on.engine, Asker.on(on.throwaway)),
            journals=on.journals,
            second_opinion=on.second_opinion,
        ).analyze,
        ports.PLAN.name: Plan(
            plans=plans,
            risks=RiskGatherer(on.engine, on.compose, on.journals),
            locker=Locker(on.throwaway),
            **stored,
        ).plan,
        ports.REVALIDATE.name: Revalidate(
            policies=on.policies, plans=plans, docker=on.engine, compose=on.compose
        ).revalidate,
        ports.CHECK_TOKEN.name: CheckToken(policies=on.policies, used=UsedTokens(on.state)).check_token,
        ports.RECORD_APPROVALS.name: RecordApprovals(artifacts=on.artifacts).record_approvals,
    }


def _bind_changes(on: Adapters, plans: PlanStore, stored: _Stored) -> dict[str, Activity]:
    return {
        ports.PATCH.name: Patch(
            plans=plans,
            docker=on.engine,
            compose=on.compose,
            resources=on.resources,
            git=on.git,
            holds=on.holds,
            **stored,
        ).patch,
        ports.BUILD.name: Build(docker=on.engine, compose=on.compose, **stored).build,
        ports.RESTART.name: Restart(docker=on.engine, compose=on.compose, **stored).restart,
        ports.VERIFY.name: Verify(
            journals=on.journals,
            docker=on.engine,
            compose=on.compose,
            prober=on.prober,
            artifacts=on.artifacts,
            masking=on.masking,
        ).verify,
    }


def bind_temporal(runs: TemporalRuns) -> dict[str, Activity]:
    """The ports that ask Temporal; they are bound when a client is there."""
    return {
        ports.ENTER_LANE.name: EnterLane(runs).enter_lane,
        ports.LEAVE_LANE.name: LeaveLane(runs).leave_lane,
        ports.LOOK_UP.name: LookUp(runs).look_up,
        ports.WATCH_RUN.name: WatchRun(runs).watch_run,
        ports.READ_RECORD.name: ReadRecord(runs).read_record,
    }


def rollback_step(on: Adapters) -> Rollback:
    """The compensation; ``recover`` runs the same one."""
    return Rollback(
        journals=on.journals,
        artifacts=on.artifacts,
        docker=on.engine,
        compose=on.compose,
        resources=on.resources,
        masking=on.masking,
    )


def report_step(on: Adapters) -> Report:
    """The report; ``recover`` writes the same one."""
    return Report(
        journals=on.journals,
        artifacts=on.artifacts,
        docker=on.engine,
        metrics=on.metrics,
        outbox=on.outbox,
        known=on.masking.known,
    )


def recovery_of(on: Adapters) -> Recovery:
    """What settles a lost run, for its guard and for ``recover``."""
    report = replace(report_step(on), settled_by="recover")
    return Recovery(on.journals, on.artifacts, on.engine, rollback_step(on).rollback, report.report)
