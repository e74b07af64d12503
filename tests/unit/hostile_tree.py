"""A file tree full of traps, the real plan and patch steps on it, and a witness of every byte around them."""

import hashlib
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.git_diff import GitDiff
from activities.adapters.holds import HoldStore
from activities.adapters.journal import JournalStore
from activities.adapters.redaction import Redactor
from activities.adapters.replacing import MAX_FILE_BYTES
from activities.adapters.state_dir import PlanStore, StateDir
from activities.locking.locker import Locker
from activities.patch import Patch
from activities.plan import Plan
from activities.risks.gathering import RiskGatherer
from workflows.models.policy import Limits
from workflows.models.request import Intent, IntentKind
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.target import ComposeProject, Target
from workflows.models.verification import Verification
from workflows.ports import PatchInput, PlanInput, RunRef

NARROW = ("api/**/requirements*.txt", "api/Dockerfile*")
WIDE = ("**",)
REQUIREMENTS = b"# packages\nflask==3.0.0\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class NoDocker:
    """Answers for a project without containers, networks and secrets: files are the subject here."""

    async def snapshot(self, target: Target) -> ServiceSnapshot:
        """Nothing runs."""
        return ServiceSnapshot(service=target.service, image_ref=target.image, taken_at=NOW)

    async def redactor(self, target: Target) -> Redactor:
        """Nothing is secret."""
        return Redactor(())

    async def daemon_mark(self) -> str:
        """The daemon is always the same."""
        return ""

    async def _nothing(self, *_: object) -> tuple[str, ...]:
        return ()

    containers = anonymous_volumes = neighbours = dry_run_changes = _nothing
    networks = volumes = images_built = _nothing


def make_tree(root: Path) -> Path:
    """The project ``root/shop`` beside canaries that nobody may touch, and names that lead there."""
    shop = root / "shop"
    files = {
        "canary.txt": REQUIREMENTS,
        "secret/requirements.txt": REQUIREMENTS,
        "state-decoy/requirements.txt": REQUIREMENTS,
        "shop/.git/config": REQUIREMENTS,
        "shop/.git/requirements.txt": REQUIREMENTS,
        "shop/.env": REQUIREMENTS,
        "shop/compose.yaml": REQUIREMENTS,
        "shop/stack.yml": REQUIREMENTS,
        "shop/rules/policy.yaml": REQUIREMENTS,
        "shop/state/requirements.txt": REQUIREMENTS,
        "shop/state/journals/kept": b"",
        "shop/apix/requirements.txt": REQUIREMENTS,
        "shop/api/app.py": REQUIREMENTS,
        "shop/api/Dockerfile": b"FROM python:3.13-slim\n",
        "shop/api/requirements.txt": REQUIREMENTS,
        "shop/api/crlf/requirements.txt": REQUIREMENTS.replace(b"\n", b"\r\n"),
        "shop/api/gr\u00f6ße/requirements.txt": REQUIREMENTS,
        "shop/api/sub dir/requirements.txt": REQUIREMENTS,
        "shop/api/requirements-dir.txt/kept": b"",
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    links = {
        "requirements-link.txt": "../../canary.txt",
        "requirements-app.txt": "app.py",
        "requirements-gone.txt": "nowhere/requirements.txt",
        "requirements-loop.txt": "requirements-loop.txt",
        "requirements-proc.txt": "/proc/self/environ",
        "requirements-alias.txt": "requirements.txt",
        "requirements-compose.txt": "../stack.yml",
        "requirements-env.txt": "../.env",
        "requirements-state.txt": "../state/requirements.txt",
        "gitlink": "../.git",
        "out": "../../secret",
        "up": "../..",
    }
    for name, leads_to in links.items():
        (shop / "api" / name).symlink_to(leads_to)
    (shop / "api/requirements-hard.txt").hardlink_to(shop / "apix/requirements.txt")
    (shop / "api/requirements-canary.txt").hardlink_to(root / "canary.txt")
    os.mkfifo(shop / "api/requirements-pipe.txt")
    (shop / "api/huge").mkdir()
    with (shop / "api/huge/requirements.txt").open("wb") as huge:
        huge.write(REQUIREMENTS)
        huge.truncate(MAX_FILE_BYTES + 1)
    return shop


Seen = dict[str, tuple[object, ...]]


def witness(root: Path) -> Seen:
    """Every name below ``root``: kind, mode, owner, inode, link count, time of change, and content."""
    seen: Seen = {}
    for path in sorted(root.rglob("*")):  # follows no links
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        content: str | None = None
        if kind == stat.S_IFLNK:
            content = str(path.readlink())
        elif kind == stat.S_IFREG:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if status.st_size < 1 << 20 else "huge"
        changed = None if kind == stat.S_IFDIR else (status.st_ino, status.st_nlink, status.st_mtime_ns)
        seen[str(path.relative_to(root))] = (kind, status.st_mode, status.st_uid, changed, content)
    return seen


@dataclass
class Steps:
    """The real steps on one tree, with a state directory of their own outside it."""

    shop: Path
    state_root: Path

    def __post_init__(self) -> None:
        state, quiet = StateDir(self.state_root), NoDocker()
        journals, plans = JournalStore(state, lock_timeout_seconds=5.0), PlanStore(state)
        artifacts = ArtifactStore.in_state_dir(state)
        self.plan_step = Plan(
            journals, plans, artifacts, quiet, RiskGatherer(quiet, quiet, journals), Locker(quiet)
        )  # type: ignore[arg-type]
        self.patch_step = Patch(
            journals, plans, quiet, quiet, quiet, artifacts, quiet, GitDiff(os.environ),  # type: ignore[arg-type]
            HoldStore(journals.state),
        )  # fmt: skip

    def target(self, allow: tuple[str, ...]) -> Target:
        """As preflight would give it; policy and a state directory lie in the workspace, where a policy
        check would refuse them: the second line of defence is tested.
        """
        return Target(
            project=ComposeProject(
                name="shop",
                working_dir=str(self.shop),
                config_files=(str(self.shop / "compose.yaml"), "stack.yml"),
                env_files=(".env",),
            ),
            service="api",
            image="shop-api",
            workspace=str(self.shop),
            allow=allow,
            forbidden=(str(self.shop / "rules/policy.yaml"), str(self.shop / "state")),
        )

    async def plan_and_patch(self, diff: str, allow: tuple[str, ...], run_id: str = "run-1") -> None:
        """What a run does with an operator's patch."""
        target, run = self.target(allow), RunRef(run_id=run_id, workflow_id="mm:1")
        job = PlanInput(
            run=run,
            target=target,
            intent=Intent(kind=IntentKind.OPERATOR_PATCH),
            findings=(),
            snapshot=ServiceSnapshot(service="api", image_ref="shop-api", taken_at=NOW),
            limits=Limits(),
            verification=Verification(),
            policy_digest="p" * 64,
            operator_patch=diff,
        )
        planned = (await self.plan_step.plan(job)).plan
        await self.patch_step.patch(PatchInput(run=run, target=target, plan=planned.for_execution()))
