"""Mounts over what a build installs, and builds that change nothing (COMPOSE fact 6)."""

import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.proofs import check_rolled_back, check_succeeded, stand
from tests.acceptance.stacks import DOCKERFILE, NEVER_HEALTHY, compose_file, policy, web_block, web_service
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox

VENV = "/app/venv"
"""Where this image installs to, as many do."""
IN_VENV = DOCKERFILE.replace(
    "COPY requirements.txt",
    f"RUN python -m venv {VENV}\nENV VIRTUAL_ENV={VENV} PATH={VENV}/bin:$PATH\nCOPY requirements.txt",
)
REPAIR = "repair api"


def shop_mounting(make: ComposeFactory, volume: str, *missing: str) -> ComposeSandbox:
    """``api`` with this volume; it installs into a virtual environment."""
    files = {"compose.yaml": compose_file(web_block("api", f"volumes: ['{volume}']"))}
    shop = make(files | web_service("api", *missing) | {"api/Dockerfile": IN_VENV})
    shop.up()
    shop.container("api").wait(timeout=60)
    return shop


def mounted(shop: ComposeSandbox) -> list[str]:
    """Names of the volumes of the container."""
    return [mount["Name"] for mount in shop.container("api").attrs["Mounts"]]


@pytest.fixture
def with_anonymous_volume(compose_project: ComposeFactory) -> ComposeSandbox:
    """An anonymous volume keeps what the first image installed (the usual ``node_modules`` trick)."""
    return shop_mounting(compose_project, VENV, "humanize")


def test_an_anonymous_volume_over_the_install_path_is_renewed(
    with_anonymous_volume: ComposeSandbox, operator: Operator
) -> None:
    """The repaired container sees the new packages; the volume that stays behind is named."""
    shop = with_anonymous_volume
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    (former,) = mounted(shop)

    record = check_succeeded(operator.run_local(shop.directory, "api", REPAIR), shop)

    (renewed,) = mounted(shop)
    assert renewed != former
    assert shop.container("api").exec_run([f"{VENV}/bin/python", "-c", "import humanize"]).exit_code == 0
    assert any(former in warning for warning in record.warnings if warning.startswith("volume_left"))
    shop.engine.volumes.get(former).remove()


def test_a_renewed_anonymous_volume_goes_with_the_rollback(
    with_anonymous_volume: ComposeSandbox, operator: Operator
) -> None:
    """The old image fills a volume of its own; the renewed one is gone, the former one is named and kept."""
    shop = with_anonymous_volume
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=5, extra_service=NEVER_HEALTHY)
    )
    (former,), before = mounted(shop), stand(shop)
    volumes = {volume.name for volume in shop.engine.volumes.list()}

    ran = operator.run_local(shop.directory, "api", REPAIR)

    record = check_rolled_back(ran, "health_timeout", shop, before)
    (now,) = mounted(shop)
    assert record.rollback is not None
    assert any(former in text for text in record.rollback.not_undone)
    mine = {v.name for v in shop.engine.volumes.list() if v.name in volumes | {now}}
    assert {former, now} <= mine
    shop.engine.volumes.get(former).remove()


@pytest.mark.parametrize("volume", ["./vendor:/app/venv", ".:/app"])
def test_a_bind_mount_over_the_install_path_is_refused_and_put_back(
    compose_project: ComposeFactory, operator: Operator, volume: str
) -> None:
    """``patch_masked`` names the mount; the container was never replaced."""
    shop = shop_mounting(compose_project, volume, "humanize")
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=30))
    before, container = stand(shop), shop.container("api").id

    ran = operator.run_local(shop.directory, "add humanize to api")

    record = check_rolled_back(ran, "patch_masked", shop, before)
    assert record.failure is not None
    assert "bind mount" in record.failure.message
    assert shop.container("api").id == container


COMMENT = """\
--- a/api/Dockerfile
+++ b/api/Dockerfile
@@ -1,3 +1,4 @@
+# a word that no layer holds
 FROM python:3.13-slim
 WORKDIR /app
 COPY requirements.txt .
"""


def test_a_build_that_gives_the_same_image_is_ineffective(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Nothing would change by a restart: said, and the file put back; the container was never replaced."""
    files = {"compose.yaml": compose_file(web_block("api")), "api/.dockerignore": "Dockerfile\n"}
    shop = compose_project(files | web_service("api"))
    shop.compose("up", "--detach", "--build", "--wait")
    operator.write_policy(policy(shop.name, str(shop.directory)))
    before, container = stand(shop), shop.container("api").id
    patch = operator.root / "comment.patch"
    patch.write_text(COMMENT)

    ran = operator.run_local(shop.directory, "api", "apply this", "--patch", str(patch))

    check_rolled_back(ran, "patch_ineffective", shop, before)
    assert shop.container("api").id == container
