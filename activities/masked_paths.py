"""Does a mount hide what the build installs? Pure (COMPOSE fact 6).

A dependency that the new image contains does nothing where a mount of the container lies over the place
it was installed to. Known places: Python's site-packages, a virtual environment, ``node_modules``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from activities.adapters.docker_facts import ImageFacts, Mount
from workflows.errors import OrchestratorError

_PYTHON_MANIFESTS = (
    "requirements*.txt", "constraints*.txt", "pyproject.toml", "setup.cfg", "poetry.lock", "uv.lock",
    "Pipfile*",
)  # fmt: skip
_NODE_MANIFESTS = ("package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml")
_SYSTEM_PYTHON = (
    "/usr/local/lib/python3*/site-packages",
    "/usr/local/lib/python3*/dist-packages",  # where Debian's own Python lets pip install
    "/usr/lib/python3*/dist-packages",
)


@dataclass(frozen=True)
class Masked:
    """One place of installed dependencies, and the mount that lies over it."""

    place: str
    mount: Mount


def install_places(files: Iterable[str], image: ImageFacts) -> tuple[str, ...]:
    """Where an image keeps the dependencies that these manifests name; ``*`` is one path segment."""
    names = [PurePosixPath(path).name for path in files]
    places: tuple[str, ...] = ()
    if _any(names, _PYTHON_MANIFESTS):
        venv = image.virtual_env.rstrip("/")
        places += (f"{venv}/lib/python3*/site-packages",) if venv else _SYSTEM_PYTHON
    if _any(names, _NODE_MANIFESTS):
        places += (f"{image.working_dir.rstrip('/')}/node_modules",)
    return places


def masked_places(places: Iterable[str], mounts: Iterable[Mount]) -> tuple[Masked, ...]:
    """Places under a mount; of several mounts the innermost counts, as in the container."""
    known = tuple(mounts)
    found = []
    for place in places:
        over = [mount for mount in known if _covers(mount.destination, place)]
        if over:
            found.append(Masked(place, max(over, key=lambda mount: len(mount.destination.rstrip("/")))))
    return tuple(found)


def volumes_to_renew(masked: Iterable[Masked], mounts: tuple[Mount, ...]) -> tuple[Mount, ...]:
    """The anonymous volumes that must not be carried over; empty where nothing is masked.

    Raises:
        OrchestratorError: ``patch_masked`` where a bind mount or named volume is in the way, or where
            Compose could renew the volume only together with another one, which may hold data.
    """
    found = tuple(masked)
    for one in found:
        if not one.mount.anonymous:
            raise OrchestratorError("patch_masked", detail=_in_the_way(one))
    renewed = {one.mount.destination for one in found}
    anonymous = [mount for mount in mounts if mount.anonymous]
    others = {mount.destination for mount in anonymous} - renewed
    if renewed and others:
        detail = (
            f"an anonymous volume on {', '.join(sorted(renewed))} hides what the build installs; Compose "
            f"could renew it only together with {', '.join(sorted(others))}, which may hold data"
        )
        raise OrchestratorError("patch_masked", detail=detail)
    return tuple(mount for mount in anonymous if mount.destination in renewed)  # of every replica


def _in_the_way(one: Masked) -> str:
    mount = one.mount
    what = f"the volume {mount.name}" if mount.name else f"the {mount.kind} mount of {mount.source}"
    return f"{what} on {mount.destination} hides {one.place}, where the build installs dependencies"


def _covers(destination: str, place: str) -> bool:
    """Whether a mount lies on a place or above it."""
    mounted, wanted = PurePosixPath(destination).parts, PurePosixPath(place).parts
    if len(mounted) > len(wanted) or len(mounted) < 2:
        return False
    return all(fnmatchcase(part, pattern) for part, pattern in zip(mounted, wanted, strict=False))


def _any(names: Iterable[str], patterns: Iterable[str]) -> bool:
    wanted = tuple(patterns)
    return any(fnmatchcase(name, pattern) for name in names for pattern in wanted)
