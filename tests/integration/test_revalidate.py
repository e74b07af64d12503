"""An approval that comes late: what was deployed or edited meanwhile is noticed (SPEC FR-009, I2, I3)."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.adapters.policy_file import PolicySource
from activities.approve import Revalidate
from tests.conftest import ComposeFactory
from tests.integration.state_rig import COMPOSE, FILES, RUN, Rig
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.target import Target
from workflows.ports import RevalidateInput

pytestmark = [pytest.mark.timeout(240)]

REQUIREMENTS = "api/requirements.txt"
EDITED = COMPOSE.replace("build: ./api", "build: ./api\n    environment: {COLOUR: blue}")


@pytest.fixture
async def rig(compose_project: ComposeFactory, tmp_path: Path) -> AsyncIterator[Rig]:
    """The usual project, running."""
    made = Rig(compose_project(FILES), tmp_path)
    made.sandbox.compose("up", "-d", "--build")
    yield made
    made.docker.client.close()


async def planned(rig: Rig) -> Target:
    """The target as preflight measured it before the wait."""
    config_hash = await rig.compose.config_hash(rig.target.project, rig.service)
    return rig.target.model_copy(update={"config_hash": config_hash})


async def drift(rig: Rig, target: Target, snapshot: ServiceSnapshot | None = None) -> tuple[str, ...]:
    """What the step finds after the approval, the policy's part left out."""
    plan = rig.plan({REQUIREMENTS: FILES[REQUIREMENTS].encode() + b"redis\r\n"})
    policy = PolicySource(None, Path(os.devnull).parent, ("shop",))
    step = Revalidate(policy, rig.plans, rig.docker, rig.compose)
    digest = policy.policy().digest
    job = RevalidateInput(
        run=rig.run(run_id=RUN), target=target, plan=plan, policy_digest=digest, snapshot=snapshot
    )
    return (await step.revalidate(job)).drift


async def test_what_happened_to_the_deployment_while_nobody_approved(rig: Rig) -> None:
    """Nothing; then a scaling, an edit that is not deployed, and its deployment."""
    target = await planned(rig)
    assert await drift(rig, target) == ()
    rig.sandbox.compose("up", "-d", "--no-deps", "--scale", "api=2", "api")
    assert await drift(rig, target) == ("api was scaled from 1 to 2",)
    rig.sandbox.compose("up", "-d", "--no-deps", "--scale", "api=1", "api")
    (rig.workspace / "compose.yaml").write_text(EDITED)
    assert await drift(rig, target) == ("the compose configuration of api was edited",)
    rig.sandbox.compose("up", "-d", "--no-deps", "api")
    assert await drift(rig, target) == ("api was deployed with another compose configuration",)


async def test_images_that_changed_while_nobody_approved(rig: Rig) -> None:
    """A build never deployed, then its deployment; a container made anew of the same image is fine."""
    target = await planned(rig)
    before = await rig.docker.snapshot(target)
    rig.sandbox.compose("up", "-d", "--no-deps", "--force-recreate", "api")
    assert await drift(rig, target, before) == ()
    rig.sandbox.write("api/Dockerfile", FILES["api/Dockerfile"] + "LABEL built=anew\n")
    rig.sandbox.compose("build", "api")
    (built,) = await drift(rig, target, before)
    assert built.startswith(f"{target.image} was ")
    rig.sandbox.compose("up", "-d", "--no-deps", "api")
    assert [text.startswith("api ran image ") for text in await drift(rig, target, before)] == [False, True]
