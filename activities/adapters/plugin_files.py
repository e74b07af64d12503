"""Tells without starting it that ``docker compose`` is the Compose of before: by the files it would start.

Asking it for its version is a process of a tenth of a second in each run. The places are those in which the
docker command looks for a plugin, in any order: the answer is not which one it takes, but whether any of
them has become another file since.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_SYSTEM: Final = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
_PLUGIN: Final = "docker-compose"

Mark = tuple[tuple[str, int, int, int, int, int], ...]
"""Path, device, inode, size and the times of content and inode (ns), of every file that has a say."""


def compose_mark(environment: Mapping[str, str]) -> Mark | None:
    """Equal as long as nobody replaced the docker command or Compose; None where that cannot be told.

    A script can start whatever it likes, and a plugin that lies elsewhere is not seen. Blocking file IO.
    """
    command = shutil.which("docker", path=environment.get("PATH", ""))
    if command is None:
        return None
    try:
        config = _config_directory(environment)
        plugins = [found for found in _plugins(config) if found.is_file()]
        programs = [Path(command), *plugins]
        if not plugins or any(_is_script(program) for program in programs):
            return None
        return tuple(_seen(path) for path in (*programs, config / "config.json") if path.exists())
    except (OSError, ValueError, TypeError):
        return None


def _config_directory(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "/") / ".docker")


def _plugins(config: Path) -> Iterator[Path]:
    try:
        told = json.loads((config / "config.json").read_bytes())
    except FileNotFoundError:
        told = {}
    more = told.get("cliPluginsExtraDirs") or () if isinstance(told, dict) else ()
    for directory in (*more, config / "cli-plugins", *_SYSTEM):
        yield Path(directory) / _PLUGIN


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _seen(path: Path) -> tuple[str, int, int, int, int, int]:
    found = path.stat()
    return (
        str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    )  # fmt: skip
