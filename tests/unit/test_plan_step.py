"""The plan step on real files: the exact diff, the guards before any write, masking, cumulative rounds."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Journal, JournalEntry, JournalStore
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import PlanStore, StateDir
from activities.adapters.throwaway import Outcome, Task
from activities.locking.locker import Locked, Locker
from activities.manifests.edit_files import EditedFiles
from activities.plan import Plan
from activities.risks.gathering import RiskGatherer
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote
from workflows.models.plan import BuildStep, GeneratedBy, RestartStep
from workflows.models.policy import Limits
from workflows.models.policy_rules import RiskRule
from workflows.models.request import Intent, IntentKind
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.target import BuildSpec, ComposeProject, Target
from workflows.models.verification import Verification
from workflows.ports import PlanInput, RunRef

RUN = "0f0f0f0f-run"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = "canary-5ecret-value"


class KnownSecrets:
    """Stands in for Docker's answer to what must be masked."""

    async def redactor(self, target: Target) -> Redactor:
        """One canary."""
        return Redactor({CANARY})


class ToolInContainer:
    """Stands in for an image in which a lock tool runs; `outcome` is how it ends."""

    def __init__(self) -> None:
        self.outcome = Outcome(127)
        self.tasks: list[Task] = []

    async def provide(self, _image: str) -> bool:
        """Every image is here."""
        return True

    async def run(self, task: Task) -> Outcome:
        """The prepared end."""
        self.tasks.append(task)
        return self.outcome


class Bench:
    """A workspace, a state directory and the step on them."""

    def __init__(self, root: Path) -> None:
        self.workspace = root / "shop"
        (self.workspace / "api").mkdir(parents=True)
        self.write("api/requirements.txt", "flask==3.0.0\n")
        self.write("api/Dockerfile", "FROM python:3.13-slim\nRUN pip install -r requirements.txt\n")
        self.state = StateDir(root / "state")
        self.journals = JournalStore(self.state)
        self.plans = PlanStore(self.state)
        self.artifacts = ArtifactStore.in_state_dir(self.state)
        nowhere = {"DOCKER_HOST": "unix:///no/such/docker.sock"}
        engine = DockerEngine.from_environment(nowhere)
        risks = RiskGatherer(engine, ComposeRunner(nowhere), self.journals)
        self.tool = ToolInContainer()
        locker = Locker(self.tool)  # type: ignore[arg-type]
        secrets: Any = KnownSecrets()
        self.step = Plan(self.journals, self.plans, self.artifacts, secrets, risks, locker)
        self.target = Target(
            project=ComposeProject(name="shop", working_dir=str(self.workspace), config_files=()),
            service="api",
            image="shop-api",
            build=BuildSpec(context=str(self.workspace / "api"), dockerfile="Dockerfile"),
            workspace=str(self.workspace),
            allow=("api/requirements*.txt", "api/Dockerfile"),
        )
        self.snapshot = ServiceSnapshot(service="api", image_ref="shop-api", taken_at=NOW)

    def write(self, path: str, text: str) -> None:
        """One project file."""
        (self.workspace / path).write_bytes(text.encode())

    def job(self, *findings: Finding, patch: str | None = None, limits: Limits | None = None) -> PlanInput:
        """The step's input."""
        return PlanInput(
            run=RunRef(run_id=RUN, workflow_id="mm:1"),
            target=self.target,
            intent=Intent(kind=IntentKind.REPAIR),
            findings=findings,
            snapshot=self.snapshot,
            limits=limits or Limits(),
            verification=Verification(),
            policy_digest="p" * 64,
            operator_patch=patch,
        )


def missing(name: str, target: str = "api/requirements.txt") -> Finding:
    """A missing package."""
    return Finding(rule="python.module-not-found", kind=FindingKind.ADD_PYTHON_PACKAGE, names=(name,),
                   target=target)  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fresh bench."""
    return Bench(tmp_path)


async def test_the_diff_is_exact_and_nothing_is_written(bench: Bench) -> None:
    """One line added; the file itself is as it was; hashes and digest fit the bytes."""
    made = (await bench.step.plan(bench.job(missing("PyYAML")))).plan
    assert "+PyYAML" in made.diff
    assert (bench.workspace / "api/requirements.txt").read_text() == "flask==3.0.0\n"
    before, after = b"flask==3.0.0\n", b"flask==3.0.0\nPyYAML\n"
    assert made.base_hashes == {"api/requirements.txt": hashlib.sha256(before).hexdigest()}
    assert made.after_hashes == {"api/requirements.txt": hashlib.sha256(after).hexdigest()}
    assert made.digest == made.compute_digest()
    stored = bench.plans.read(RUN, made.digest, made.diff_sha256)
    assert stored.decode() == made.diff


async def test_the_same_request_gives_the_same_digest(bench: Bench, tmp_path: Path) -> None:
    """No ids, no times."""
    first = (await bench.step.plan(bench.job(missing("PyYAML")))).plan
    other = Bench(tmp_path / "elsewhere")
    second = (await other.step.plan(other.job(missing("PyYAML")))).plan
    assert first.digest == second.digest


async def test_a_pinned_manifest_gets_a_warning(bench: Bench) -> None:
    """The added name is not pinned while its neighbours are."""
    made = (await bench.step.plan(bench.job(missing("PyYAML")))).plan
    assert any("not pinned" in warning for warning in made.warnings)


HOSTILE = [
    ("--- a/api/app.py\n+++ b/api/app.py\n@@ -0,0 +1 @@\n+print(1)\n", "diff_not_allowed"),
    ("--- /dev/null\n+++ b/../evil\n@@ -0,0 +1 @@\n+x\n", "diff_not_allowed"),
    ("--- a/api/Dockerfile\n+++ b/api/Dockerfile\n@@ -1 +1 @@\n-FROM other\n+FROM evil\n", "diff_invalid"),
    ("not a diff", "diff_invalid"),
    ("--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -1 +1 @@\n flask==3.0.0\n", "diff_invalid"),
    (
        "--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -1 +1 @@\n-flask==3.0.0\n+flask==3.0.0\n",
        "diff_invalid",
    ),
]


@pytest.mark.parametrize(("patch", "code"), HOSTILE)
async def test_a_patch_outside_the_rules_is_refused(bench: Bench, patch: str, code: str) -> None:
    """Before anything is stored or written (I1)."""
    with pytest.raises(OrchestratorError) as caught:
        await bench.step.plan(bench.job(patch=patch))
    assert caught.value.code == code
    assert [path for path in (bench.state.root / "plans").rglob("*") if path.is_file()] == []


async def test_limits_of_the_policy_hold(bench: Bench) -> None:
    """More changed lines than permitted is no plan."""
    with pytest.raises(OrchestratorError) as caught:
        await bench.step.plan(
            bench.job(missing("PyYAML"), missing("requests"), limits=Limits(max_changed_lines=1))
        )
    assert caught.value.code == "diff_too_large"


async def test_a_later_round_plans_against_the_original_files(bench: Bench) -> None:
    """The journal's pre-image is the base, so the diff stays the whole change."""
    original = b"flask==3.0.0\n"
    journal = bench.journals.open(
        Journal(run_id=RUN, target=bench.target, snapshot=bench.snapshot, opened_at=NOW)
    )
    sha = hashlib.sha256(original).hexdigest()
    entry = JournalEntry(
        path="api/requirements.txt", resolved="api/requirements.txt", existed=True, before=sha
    )
    bench.journals.append_entry(bench.journals.guard(RUN, 1, journal.epoch), entry, original)
    bench.write("api/requirements.txt", "flask==3.0.0\nPyYAML\n")
    job = bench.job(missing("PyYAML"), missing("requests"))
    later = job.model_copy(update={"run": job.run.model_copy(update={"round": 2})})
    made = (await bench.step.plan(later)).plan
    assert made.base_hashes == {"api/requirements.txt": sha}
    assert "+PyYAML" in made.diff
    assert "+requests" in made.diff


async def test_nothing_is_planned_over_an_execution_that_wrote_already(bench: Bench) -> None:
    """The run was reset: what its guard vouches for must stay as it is, planned evidence included."""
    bench.journals.open(Journal(run_id=RUN, target=bench.target, snapshot=bench.snapshot, opened_at=NOW))
    with pytest.raises(OrchestratorError, match=r"journal_settled: .* before the reset"):
        await bench.step.plan(bench.job(missing("PyYAML")))
    assert await bench.step.artifacts.names(RUN) == ()


async def test_what_is_declared_already_is_only_rebuilt(bench: Bench) -> None:
    """The image is older than its manifest: no file changes, and the plan says why."""
    made = (await bench.step.plan(bench.job(missing("Flask")))).plan
    assert not made.writes
    assert any("already" in warning for warning in made.warnings)
    assert next(s for s in made.steps if isinstance(s, BuildStep)).build


@pytest.mark.parametrize(
    ("kind", "build", "recreate"), [(FindingKind.RESTART, False, True), (FindingKind.REBUILD, True, True)]
)
async def test_plain_restart_and_rebuild(
    bench: Bench, kind: FindingKind, build: bool, recreate: bool
) -> None:
    """No file, no diff; the containers are replaced because that is what was asked."""
    finding = Finding(rule="operator", kind=kind, origin=FindingOrigin.OPERATOR)
    result = await bench.step.plan(bench.job(finding))
    steps = result.plan.steps
    assert next(s for s in steps if isinstance(s, BuildStep)).build is build
    assert next(s for s in steps if isinstance(s, RestartStep)).force_recreate is recreate
    assert result.plan.generated_by is GeneratedBy.OPERATOR
    assert [a.name for a in result.artifacts] == ["plan.json"]


async def test_secrets_leave_neither_in_diff_nor_in_quotes(bench: Bench) -> None:
    """History and artifacts carry the masked text, the plan store the real bytes (I5)."""
    bench.write("api/requirements.txt", f"# {CANARY}\nflask==3.0.0\n")
    quoted = missing("PyYAML").model_copy(
        update={
            "quotes": (Quote(source="log", line=1, text=f"token {CANARY}"),),
            "reason": CANARY,
            "doubts": (f"young_package: {CANARY}",),
            "consulted": (f"index: {CANARY}",),
        }
    )
    result = await bench.step.plan(bench.job(quoted))
    assert CANARY not in result.model_dump_json()
    for artifact in result.artifacts:
        assert CANARY.encode() not in await bench.artifacts.read(artifact)
    real = bench.plans.read(RUN, result.plan.digest, result.plan.diff_sha256)
    assert CANARY.encode() in real


async def test_a_path_off_the_list_is_refused_however_it_came_into_the_edit(bench: Bench) -> None:
    """The diff is read back and every path in it resolved, though each was resolved when it was read (I1)."""
    edited = EditedFiles(lambda _: b"code\n", None)
    edited.bytes_of("api/app.py")
    edited.now["api/app.py"] = b"other code\n"
    with pytest.raises(OrchestratorError, match="diff_not_allowed"):
        bench.step._checked_diff(bench.job(), edited, Locked())


async def test_a_long_diff_is_cut_in_the_history_only(bench: Bench) -> None:
    """At most 8 KiB travel; the artifact holds all of it."""
    lines = "".join(f"# {'x' * 70} {n}\n" for n in range(150))
    patch = "--- /dev/null\n+++ b/api/requirements-dev.txt\n@@ -0,0 +1,150 @@\n" + "".join(
        f"+{line}\n" for line in lines.splitlines()
    )
    result = await bench.step.plan(bench.job(patch=patch))
    assert len(result.plan.diff.encode()) <= 8 * 1024
    stored = next(a for a in result.artifacts if a.name == "patch.diff")
    assert stored.size_bytes > 10_000


UV = "FROM python:3.13-slim\nCOPY pyproject.toml uv.lock ./\nRUN uv sync{}\n"
PROJECT = '[project]\nname = "api"\nversion = "1"\ndependencies = ["flask"]\n'


def locked_bench(bench: Bench, option: str = "") -> Finding:
    """A service that installs from a lock file, and what it lacks."""
    bench.write("api/pyproject.toml", PROJECT)
    bench.write("api/uv.lock", "version = 1\n")
    bench.write("api/Dockerfile", UV.format(option))
    allow = (*bench.target.allow, "api/pyproject.toml", "api/uv.lock")
    bench.target = bench.target.model_copy(update={"allow": allow})
    return missing("PyYAML", "api/pyproject.toml")


async def test_the_lock_file_is_part_of_the_diff(bench: Bench) -> None:
    """What the tool wrote is in the plan, approved and written like every other line."""
    finding = locked_bench(bench, " --frozen")
    bench.tool.outcome = Outcome(0, files={"uv.lock": b"version = 1\n# pyyaml\n"})
    made = (await bench.step.plan(bench.job(finding))).plan
    assert set(made.after_hashes) == {"api/pyproject.toml", "api/uv.lock"}
    assert "+# pyyaml" in made.diff
    assert b"PyYAML" in bench.tool.tasks[0].files["pyproject.toml"], "the tool sees the edited manifest"


async def test_lock_lines_have_a_limit_of_their_own(bench: Bench) -> None:
    """Many lines of the tool are fine where two lines by rule are not, and the other way round."""
    finding = locked_bench(bench)
    bench.tool.outcome = Outcome(0, files={"uv.lock": b"version = 1\n" + b"x\n" * 300})
    assert await bench.step.plan(bench.job(finding))
    with pytest.raises(OrchestratorError, match="300 changed lines of lock files, 299 are permitted"):
        await bench.step.plan(bench.job(finding, limits=Limits(max_changed_lock_lines=299)))


@pytest.mark.parametrize("option", [" --frozen", ""])
async def test_a_lock_file_that_policy_does_not_allow_is_not_written(bench: Bench, option: str) -> None:
    """Generated or not, the allow list decides (I1); a build that can do without it is still planned."""
    finding = locked_bench(bench, option)
    allow = ("api/pyproject.toml",)
    bench.target = bench.target.model_copy(update={"allow": allow})
    bench.tool.outcome = Outcome(0, files={"uv.lock": b"version = 2\n"})
    if not option:
        made = (await bench.step.plan(bench.job(finding))).plan
        assert any("the policy does not allow it" in warning for warning in made.warnings)
        return
    with pytest.raises(OrchestratorError) as caught:
        await bench.step.plan(bench.job(finding))
    assert caught.value.code == "diff_not_allowed"


@pytest.mark.parametrize("option", [" --frozen", ""])
async def test_a_lock_file_that_cannot_be_written(bench: Bench, option: str) -> None:
    """No plan where the build needs it; else a warning. What the tool said is masked (I5)."""
    finding = locked_bench(bench, option)
    bench.tool.outcome = Outcome(1, stderr=f"no release, token {CANARY}")
    if option:
        with pytest.raises(OrchestratorError, match="uv could not write it in shop-api") as caught:
            await bench.step.plan(bench.job(finding))
        assert caught.value.code == "no_safe_fix"
        assert CANARY not in str(caught.value)
        return
    made = (await bench.step.plan(bench.job(finding))).plan
    assert set(made.after_hashes) == {"api/pyproject.toml"}
    assert any("api/uv.lock is not up to date" in warning for warning in made.warnings)
    assert CANARY not in "".join(made.warnings)


async def test_doubts_are_warnings_and_risks(bench: Bench) -> None:
    """A line under a rule that policy names is a risk; others are said all the same."""
    doubts = ("young_package: x first appeared 2 day(s) ago", "unknown_package: nobody knows x")
    finding = missing("PyYAML").model_copy(update={"doubts": doubts})
    rules = (RiskRule.YOUNG_PACKAGE,)
    job = bench.job(finding).model_copy(update={"requires_approval_when": rules})
    made = await bench.step.plan(job)
    assert made.risks == doubts[:1]
    assert set(doubts) <= set(made.plan.warnings)
    assert len(made.plan.warnings) == len(set(made.plan.warnings)), "nothing is said twice"


@pytest.mark.parametrize(("approvable", "risky"), [(True, True), (False, False)])
async def test_the_operators_own_word_counts_where_nobody_could_approve(
    bench: Bench, approvable: bool, risky: bool
) -> None:
    """Zero configuration: naming the package is the decision; with approvers it is theirs."""
    doubts = ("similar_name: reqeusts is easily taken for the well-known requests",)
    update = {"doubts": doubts, "origin": FindingOrigin.OPERATOR}
    job = bench.job(missing("reqeusts").model_copy(update=update))
    rules = (RiskRule.SIMILAR_NAME,)
    made = await bench.step.plan(
        job.model_copy(update={"requires_approval_when": rules, "approvable": approvable})
    )
    assert bool(made.risks) is risky
    assert set(doubts) <= set(made.plan.warnings)
