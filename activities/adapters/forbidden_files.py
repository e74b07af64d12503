"""Files that no policy can allow, compared as they are on disk (I1): names are the allow list's part."""

import os
from collections.abc import Iterator
from pathlib import Path

from workflows.models.target import Target


def is_forbidden(real: Path, target: Target) -> bool:
    """Whether a resolved path is, or lies below, a file of Compose's call, the policy or the state directory.

    Compared by name without case, since the file system may not know any, and by identity, since a file
    may have two names.
    """
    return any(_is_or_holds(Path(os.path.realpath(place)), real) for place in _places(target))


def _places(target: Target) -> Iterator[Path]:
    project = target.project
    for path in (*project.config_files, *project.env_files, *target.forbidden):
        yield Path(project.working_dir) / path


def _is_or_holds(place: Path, real: Path) -> bool:
    folded = tuple(part.casefold() for part in place.parts)
    if tuple(part.casefold() for part in real.parts)[: len(folded)] == folded:
        return True
    try:
        return real.samefile(place)
    except OSError:  # one of them is not there
        return False
