"""Compose's version is asked once, and again as soon as command or plugin is another file."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from activities.adapters import plugin_files, process
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.plugin_files import compose_mark

OLD = """\
#!/bin/sh
if [ "$1" = docker-cli-plugin-metadata ]; then
  echo '{"SchemaVersion": "0.1.0", "Vendor": "a test", "Version": "2.29.7"}'
else
  echo 2.29.7
fi
"""


class Machine:
    """A docker command and a Docker configuration of the test's own, in front of the real ones."""

    def __init__(self, root: Path) -> None:
        self.command, self.config = root / "bin" / "docker", root / "config"
        self.command.parent.mkdir()
        (self.config / "cli-plugins").mkdir(parents=True)
        real = shutil.which("docker")
        assert real is not None
        self.command.symlink_to(real)
        path = f"{self.command.parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "DOCKER_CONFIG": str(self.config)}

    @property
    def plugin(self) -> Path:
        """Where a plugin of the user's own would be."""
        return self.config / "cli-plugins" / "docker-compose"


def old_plugin(machine: Machine) -> None:
    """A plugin of the user's own, which is a script."""
    machine.plugin.write_text(OLD)
    machine.plugin.chmod(0o755)


def another_command(machine: Machine) -> None:
    """The same docker in another file."""
    real = machine.command.resolve()
    machine.command.unlink()
    shutil.copy2(real, machine.command)


def more_places(machine: Machine) -> None:
    """A configuration that names one more directory of plugins."""
    (machine.config / "config.json").write_text('{"cliPluginsExtraDirs": ["/nowhere"]}')


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Nothing is in front of the real ones yet."""
    return Machine(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were started."""
    commands: list[str] = []
    run = process.run

    async def noted(argv: list[str], **kwargs: object) -> process.Completed:
        commands.append(" ".join(argv))
        return await run(argv, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "run", noted)
    return commands


async def test_it_is_asked_once(machine: Machine, asked: list[str]) -> None:
    """The second answer is the first one's."""
    compose = ComposeRunner(machine.environment)
    assert await compose.version() == await compose.version()
    assert len(asked) == 1


@pytest.mark.parametrize("change", [another_command, more_places, old_plugin], ids=lambda one: one.__name__)
async def test_another_file_is_asked_anew(
    machine: Machine, asked: list[str], change: Callable[[Machine], None]
) -> None:
    """A new command, a configuration that names other places, and a plugin put in front of the system's."""
    compose = ComposeRunner(machine.environment)
    before = await compose.version()
    change(machine)
    after = await compose.version()
    assert len(asked) == 2
    assert after == (Version("2.29.7") if change is old_plugin else before)


async def test_a_script_is_asked_each_time(machine: Machine, asked: list[str]) -> None:
    """What it starts can change without it."""
    old_plugin(machine)
    compose = ComposeRunner(machine.environment)
    await compose.version()
    machine.plugin.write_text(OLD.replace("2.29.7", "2.39.1"))
    assert await compose.version() == Version("2.39.1")
    real = machine.command.resolve()
    machine.command.unlink()
    machine.command.write_text(f'#!/bin/sh\nexec "{real}" "$@"\n')
    machine.command.chmod(0o755)
    machine.plugin.unlink()
    await compose.version()
    await compose.version()
    assert len(asked) == 4


def test_what_cannot_be_told_is_not_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No docker, a plugin in a place nobody knows, and a configuration that is no JSON or nonsense."""
    assert compose_mark({"PATH": ""}) is None
    for nonsense in ("{", '{"cliPluginsExtraDirs": 7}', '{"cliPluginsExtraDirs": [7]}'):
        (machine.config / "config.json").write_text(nonsense)
        assert compose_mark(machine.environment) is None
    (machine.config / "config.json").unlink()
    assert compose_mark(machine.environment) is not None
    monkeypatch.setattr(plugin_files, "_SYSTEM", ())
    assert compose_mark(machine.environment) is None
