"""Lock files written by their real tools, in a throwaway container of the base image, from the real index."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from activities.adapters.docker_client import DockerClient
from activities.adapters.throwaway import Throwaway
from activities.locking.locker import Locker, LockError
from activities.manifests.edit_files import EditedFiles
from workflows.models.finding import Finding, FindingKind
from workflows.models.target import BuildSpec, ComposeProject, Target

PROJECT = '[project]\nname = "api"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [{}]\n'
OLD_LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "api"
version = "1"
source = { virtual = "." }
"""
UV_DOCKERFILE = "FROM {}\nCOPY pyproject.toml uv.lock ./\nRUN uv sync --frozen\n"
ADD_SIX = Finding(
    rule="python.module_not_found",
    kind=FindingKind.ADD_PYTHON_PACKAGE,
    names=("six",),
    target="api/pyproject.toml",
    version="==1.16.0",
)


@pytest.fixture
def locker(base_image: str) -> Locker:
    """The locker on this host's engine."""
    return Locker(Throwaway(DockerClient(dict(os.environ))))


def _project(root: Path, **files: str) -> Target:
    for name, text in files.items():
        path = root / "api" / name.replace("__", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return Target(
        project=ComposeProject(name="shop", working_dir=str(root), config_files=()),
        service="api",
        image="mm-orchestrator/never:built",
        build=BuildSpec(context=str(root / "api"), dockerfile="Dockerfile"),
        workspace=str(root),
    )


def _edited(root: Path, *findings: Finding) -> EditedFiles:
    def read(path: str) -> bytes | None:
        return (root / path).read_bytes() if (root / path).is_file() else None

    edited = EditedFiles(read)
    edited.apply(findings)
    return edited


async def test_uv_writes_its_lock_file_in_the_stage_image(
    locker: Locker, base_image: str, tmp_path: Path
) -> None:
    """The service has no image yet: the base of the installing stage is taken, and uv put into it there."""
    dockerfile = UV_DOCKERFILE.format(base_image)
    target = _project(tmp_path, pyproject__toml=PROJECT.format(""), uv__lock=OLD_LOCK, Dockerfile=dockerfile)
    edited = _edited(tmp_path, ADD_SIX)
    locked = await locker.update(target, edited, (ADD_SIX,))
    assert locked.written == {"api/uv.lock"}
    after = tomllib.loads(edited.text("api/uv.lock"))
    assert {"six": "1.16.0"}.items() <= {one["name"]: one["version"] for one in after["package"]}.items()
    assert (tmp_path / "api/uv.lock").read_text() == OLD_LOCK, "the workspace is not touched"


async def test_what_cannot_be_resolved_is_no_safe_fix(
    locker: Locker, base_image: str, tmp_path: Path
) -> None:
    """The build installs from the lock file alone, and uv says why there can be none."""
    dockerfile = UV_DOCKERFILE.format(base_image)
    target = _project(tmp_path, pyproject__toml=PROJECT.format(""), uv__lock=OLD_LOCK, Dockerfile=dockerfile)
    finding = ADD_SIX.model_copy(update={"version": "==0.0.999"})
    with pytest.raises(LockError, match=r"api/uv\.lock must change together .* six==0\.0\.999"):
        await locker.update(target, _edited(tmp_path, finding), (finding,))


async def test_a_tool_that_is_nowhere_is_a_warning(locker: Locker, base_image: str, tmp_path: Path) -> None:
    """Plain `npm install` does without an exact lock file, so the plan goes on and says so."""
    dockerfile = f"FROM {base_image}\nCOPY package*.json ./\nRUN npm install\n"
    target = _project(tmp_path, package__json="{}", **{"package-lock__json": "{}"}, Dockerfile=dockerfile)
    edited = _edited(tmp_path)
    edited.bytes_of("api/package.json")
    edited.now["api/package.json"] = b'{"dependencies": {"left-pad": "^1.3.0"}}'
    locked = await locker.update(target, edited, ())
    assert locked.written == frozenset()
    assert "npm cannot be run in" in locked.warnings[0]
    assert "run `npm install --package-lock-only` before you commit" in locked.warnings[0]
