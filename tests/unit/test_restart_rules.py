"""Pure rules of the restart: mounts that hide a patch, downtime, a deaf PID 1."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.adapters.docker_facts import ContainerEvent, ImageFacts, Mount
from activities.masked_paths import install_places, masked_places, volumes_to_renew
from activities.stop_story import downtime_seconds, sigterm_warnings
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ContainerState

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ANONYMOUS = "0123456789abcdef" * 4


def image(venv: str = "", workdir: str = "/app") -> ImageFacts:
    """An image that says where it keeps things."""
    return ImageFacts(id="i", working_dir=workdir, virtual_env=venv, volumes=(), has_healthcheck=False)


def bind(destination: str) -> Mount:
    """A bind mount."""
    return Mount(kind="bind", name="", source="/srv", destination=destination)


def volume(destination: str, name: str = ANONYMOUS) -> Mount:
    """A volume, anonymous unless named."""
    return Mount(kind="volume", name=name, source="/var/lib/docker/volumes/x", destination=destination)


@pytest.mark.parametrize(
    ("file", "venv", "mounts", "masking"),
    [
        ("requirements.txt", "", [bind("/app")], None),
        ("api/requirements-dev.txt", "", [volume("/usr/local/lib/python3.13/site-packages", "deps")], "deps"),
        ("pyproject.toml", "", [volume("/usr/local", "deps")], "deps"),
        ("requirements.txt", "", [volume("/usr/local/lib/python3.13/dist-packages", "deps")], "deps"),
        ("pyproject.toml", "", [volume("/usr/local/lib/python3.13/site-packages/x", "deps")], None),
        ("uv.lock", "/app/.venv", [bind("/app")], ""),
        ("uv.lock", "/app/.venv", [bind("/app"), volume("/app/.venv")], ANONYMOUS),
        ("uv.lock", "/opt/venv", [bind("/app"), volume("/usr/local")], None),
        ("package.json", "", [bind("/app")], ""),
        ("package.json", "", [bind("/app"), volume("/app/node_modules")], ANONYMOUS),
        ("package.json", "", [bind("/app/src")], None),
        ("Dockerfile", "", [bind("/app")], None),
        ("requirements.txt", "", [bind("/")], None),
    ],
)
def test_which_mount_hides_the_installed_packages(
    file: str, venv: str, mounts: list[Mount], masking: str | None
):
    """Only a mount on or above the place counts, and of several the innermost."""
    masked = masked_places(install_places([file], image(venv)), mounts)
    assert {one.mount.name for one in masked} == (set() if masking is None else {masking})


def test_an_anonymous_volume_is_renewed_in_every_replica():
    """Each replica has its own; all of their former volumes are named."""
    mounts = (volume("/app/node_modules"), volume("/app/node_modules", ANONYMOUS[::-1]), bind("/app"))
    masked = masked_places(install_places(["package.json"], image()), mounts)
    assert {mount.name for mount in volumes_to_renew(masked, mounts)} == {ANONYMOUS, ANONYMOUS[::-1]}


@pytest.mark.parametrize(
    ("mounts", "says"),
    [
        ((bind("/app"),), "the bind mount of /srv on /app hides /app/node_modules"),
        ((volume("/app/node_modules", "deps"),), "the volume deps on /app/node_modules hides"),
        ((volume("/app/node_modules"), volume("/data")), "only together with /data"),
    ],
)
def test_what_cannot_be_renewed_is_refused(mounts: tuple[Mount, ...], says: str):
    """A bind, a named volume, or a renewal that would put data aside."""
    masked = masked_places(install_places(["package.json"], image()), mounts)
    with pytest.raises(OrchestratorError) as raised:
        volumes_to_renew(masked, mounts)
    assert raised.value.code == "patch_masked"
    assert says in raised.value.message


def test_without_a_mask_nothing_is_renewed():
    """Data in anonymous volumes is left alone."""
    assert volumes_to_renew((), (volume("/data"),)) == ()


def container(name: str, status: str = "running", started: float = 0) -> ContainerState:
    """A container that started some seconds after T0."""
    at = T0 + timedelta(seconds=started)
    return ContainerState(id=name, name=name, service="api", status=status, image_id="i", started_at=at)


def event(action: str, container_id: str, seconds: float, **attributes: str) -> ContainerEvent:
    """An entry of the event log."""
    at = T0 + timedelta(seconds=seconds)
    return ContainerEvent(at, action, container_id, "api", attributes)


def test_downtime_runs_from_the_first_end_to_the_last_start():
    """Two replicas: the service was not whole in between."""
    old = (container("a"), container("b"))
    new = (container("c", started=12), container("d", started=15))
    events = (event("die", "a", 11), event("die", "b", 14), event("start", "c", 12), event("die", "x", 1))
    assert downtime_seconds(old, new, events) == 4.0


@pytest.mark.parametrize(
    ("old", "new", "events"),
    [
        ((), (container("c", started=12),), ()),
        ((container("a", status="exited"),), (container("c", started=12),), (event("die", "a", 11),)),
        ((container("a"),), (), (event("die", "a", 11),)),
        ((container("a"),), (container("a"),), ()),
    ],
)
def test_no_downtime_is_claimed_where_none_was_ours(
    old: tuple[ContainerState, ...], new: tuple[ContainerState, ...], events: tuple[ContainerEvent, ...]
):
    """Absent or down before, or nothing was replaced."""
    assert downtime_seconds(old, new, events) is None


def test_a_deaf_first_process_is_told_with_what_it_costs():
    """Killed after the grace period; a crash with 137 that nobody asked for is another story."""
    old = (container("a"), container("b"))
    events = (
        event("kill", "a", 1, signal="15"),
        event("die", "b", 2, exitCode="137"),
        event("kill", "a", 11, signal="9"),
        event("die", "a", 11.2, exitCode="137"),
    )
    (warning,) = sigterm_warnings(old, events)
    assert warning.startswith("sigterm_ignored: a ")
    assert "10.2 s" in warning
