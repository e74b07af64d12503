"""A worker in a container: its own project and its mounts decide what it may repair."""

from __future__ import annotations

import pytest

from activities.adapters.compose_model import ComposeModel, ComposeService
from activities.adapters.docker_facts import Mount
from activities.adapters.own_container import OwnContainer, container_id_in
from activities.checks.own_place import refuse_elsewhere, refuse_own
from workflows.errors import OrchestratorError
from workflows.models.target import BuildSpec, ComposeProject, Target

ID = "9f" * 32
MOUNTINFO = f"""\
612 591 0:61 / /proc rw,nosuid - proc proc rw
640 591 254:0 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw
641 591 254:0 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/vda rw
"""
ON_A_HOST = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"


def bind(source: str, destination: str) -> Mount:
    """One bind mount."""
    return Mount(kind="bind", name="", source=source, destination=destination)


def own(*mounts: Mount, project: str = "shop", service: str = "mm-orchestrator") -> OwnContainer:
    """The worker's container."""
    return OwnContainer(project, service, mounts)


def target(working_dir: str = "/srv/shop", context: str = "/srv/shop/api") -> Target:
    """What a run would change."""
    return Target(
        project=ComposeProject(name="shop", working_dir=working_dir, config_files=()),
        service="api",
        image="shop-api",
        build=BuildSpec(context=context, dockerfile=f"{context}/Dockerfile"),
        workspace=working_dir,
    )


def test_dockers_own_mounts_tell_the_container() -> None:
    """A host has none of them."""
    assert container_id_in(MOUNTINFO) == ID
    assert container_id_in(ON_A_HOST) is None


SAME = [
    None,
    own(bind("/srv/shop", "/srv/shop")),
    own(bind("/srv", "/srv")),
    own(bind("/other", "/srv"), bind("/srv/shop", "/srv/shop")),
    own(bind("/host_mnt/srv/shop", "/srv/shop")),
]


@pytest.mark.parametrize("place", SAME)
def test_the_same_path_on_both_sides_is_fine(place: OwnContainer | None) -> None:
    """No container, the directory itself, or one above it; the innermost mount counts."""
    refuse_elsewhere(place, target())


ELSEWHERE = [
    (own(), "is no directory of it"),
    (own(bind("/home/ann/shop", "/srv/shop")), "is /home/ann/shop there"),
    (own(bind("/srv/shop", "/srv/shop"), bind("/elsewhere", "/srv/shop/api")), "is /elsewhere there"),
    (own(Mount("volume", "files", "/volumes/files/_data", "/srv/shop")), "is no directory"),
    (own(bind("/srv/shopping", "/srv/shopping")), "is no directory of it"),
]


@pytest.mark.parametrize(("place", "seen"), ELSEWHERE)
def test_another_directory_is_refused_with_the_mount_that_is_missing(place: OwnContainer, seen: str) -> None:
    """Compose would bind the host's directory of that name into the service, or make an empty one."""
    with pytest.raises(OrchestratorError, match="workspace_elsewhere") as raised:
        refuse_elsewhere(place, target())
    assert seen in raised.value.message
    assert "-v /srv/shop" in raised.value.remedy


def service(name: str, *needs: str) -> ComposeService:
    """A service that depends on others."""
    return ComposeService(name=name, image=name, depends_on=needs)


MODEL = ComposeModel(
    name="shop",
    services={
        "mm-orchestrator": service("mm-orchestrator", "temporal"),
        "temporal": service("temporal", "postgresql"),
        "postgresql": service("postgresql"),
        "api": service("api", "postgresql"),
    },
)


@pytest.mark.parametrize("name", ["mm-orchestrator", "temporal", "postgresql"])
def test_neither_itself_nor_what_it_needs(name: str) -> None:
    """A restart of any of them would end the run in its middle."""
    with pytest.raises(OrchestratorError, match="own_service"):
        refuse_own(own(), MODEL, name)


def test_everything_else_may_be_repaired() -> None:
    """Others of its project, another project's service of the same name, and all without a container."""
    refuse_own(own(), MODEL, "api")
    refuse_own(own(project="temporal"), MODEL, "postgresql")
    refuse_own(own(service="gone"), MODEL, "postgresql")
    refuse_own(None, MODEL, "mm-orchestrator")
