"""A process that works against a write: ``adversary.py KIND DIRECTORY``, one attempt per line on its stdin.

Swappers put something else where the file or its directory was and take it away again; editors are a
user who saves at the same instant. It answers each line when its attempt is over.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

THEIRS = b"their edit, which nobody may lose\n"


def swap_file_for_symlink(root: Path) -> None:
    """The file becomes a link to the canary, then a file again."""
    _swap_file(root, lambda name: name.symlink_to(root / "outside/requirements.txt"))


def swap_file_for_hard_link(root: Path) -> None:
    """The file becomes a second name of the canary, then a file of its own again."""
    _swap_file(root, lambda name: name.hardlink_to(root / "outside/requirements.txt"))


def _swap_file(root: Path, make: Callable[[Path], None]) -> None:
    file, spare = root / "shop/api/requirements.txt", root / "shop/api/spare"
    make(spare)
    spare.replace(file)
    _linger()
    spare.write_bytes(b"base\n")
    spare.replace(file)


def swap_directory_for_symlink(root: Path) -> None:
    """The directory becomes a link to the canary's, which holds the very same content."""
    api, away = root / "shop/api", root / "shop/away"
    api.rename(away)
    api.symlink_to(root / "outside")
    _linger()
    api.unlink()
    away.rename(api)


def swap_directory_for_another(root: Path) -> None:
    """Another directory of the workspace takes the place and gives it back."""
    api, away, other = root / "shop/api", root / "shop/away", root / "shop/other"
    api.rename(away)
    other.rename(api)
    _linger()
    api.rename(other)
    away.rename(api)


def save_by_rename(root: Path) -> None:
    """An editor that writes beside the file and renames."""
    file, spare = root / "shop/api/requirements.txt", root / "shop/api/spare"
    spare.write_bytes(THEIRS)
    _linger()
    spare.replace(file)


def save_twice_by_rename(root: Path) -> None:
    """An impatient one; the last save counts."""
    file, spare = root / "shop/api/requirements.txt", root / "shop/api/spare"
    for content in (b"their first save\n", THEIRS):
        spare.write_bytes(content)
        _linger()
        spare.replace(file)


def save_in_place(root: Path) -> None:
    """An editor that truncates the very file and writes it anew, with a pause between."""
    _linger()
    fd = os.open(root / "shop/api/requirements.txt", os.O_WRONLY | os.O_CREAT, 0o644)
    _linger()
    os.ftruncate(fd, 0)
    os.write(fd, THEIRS)
    os.close(fd)


def delete(root: Path) -> None:
    """A user who deletes it."""
    _linger()
    with suppress(FileNotFoundError):
        (root / "shop/api/requirements.txt").unlink()


def _linger() -> None:
    until = time.perf_counter() + random.choice([0.0, 0.0006, 0.003]) * random.random()  # noqa: S311
    while time.perf_counter() < until:
        pass


if __name__ == "__main__":
    attempt, place = globals()[sys.argv[1]], Path(sys.argv[2])
    for _ in sys.stdin:
        attempt(place)
        print(flush=True)  # noqa: T201
