"""`make setup` and what it is made of: polite to a host that has everything, reproducible, host-neutral."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import current_endpoint

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "deploy" / "host"
LOCKS = ("requirements.lock", "requirements-dev.lock")
INSTALLERS = ("apt-get", "dockerd", "systemctl", "mmdebstrap", "setsid")


@pytest.fixture
def recorded_installers(tmp_path: Path) -> Path:
    """A PATH directory whose installers install nothing, but leave a file that tells of the call."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in INSTALLERS:
        script = directory / name
        script.write_text(f'#!/bin/sh\necho "$0 $*" >> "{tmp_path}/called"\nexit 1\n')
        script.chmod(0o755)
    return directory


def run_script(name: str, first_on_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one set-up script with `first_on_path` before everything else."""
    path = f"{first_on_path}:{os.environ['PATH']}"
    return subprocess.run(
        [str(SCRIPTS / name)],
        env={**os.environ, "PATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("script", ["engine.sh", "base_image.sh", "browser.sh"])
def test_set_up_host_is_left_alone(script: str, recorded_installers: Path, base_image: str) -> None:
    """Where engine, base image and browser are there, nothing is said, installed or started."""
    chromium = recorded_installers / "chromium"
    chromium.write_text("#!/bin/sh\n")
    chromium.chmod(0o755)
    done = run_script(script, recorded_installers, DOCKER_HOST=current_endpoint())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (recorded_installers.parent / "called").exists()


def test_dead_endpoint_chosen_by_the_operator_is_reported(recorded_installers: Path) -> None:
    """A DOCKER_HOST that does not answer is said to be so; no second engine is installed beside it."""
    done = run_script("engine.sh", recorded_installers, DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "unset DOCKER_HOST" in done.stderr
    assert not (recorded_installers.parent / "called").exists()


def locked_versions(lock: str) -> dict[str, Version]:
    """Package name -> version, of every entry of a lock file."""
    pinned = re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {name: Version(version) for name, version in pinned}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_hashed_and_names_no_host(lock: str) -> None:
    """Every entry carries a hash, and no line says where packages come from."""
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 20
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text) == []


def test_locks_follow_pyproject() -> None:
    """Each declared dependency is locked at a version that its declaration allows (else: `make lock`)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runtime, dev = (locked_versions(lock) for lock in LOCKS)
    declared = [(runtime, line) for line in project["dependencies"]]
    declared += [(dev, line) for line in project["optional-dependencies"]["dev"]]
    for locked, line in declared:
        wanted = Requirement(line)
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        assert name in locked, f"{name} is not locked: run `make lock`"
        assert locked[name] in wanted.specifier, f"{name} {locked[name]} does not fit {line}"
    assert {name: dev.get(name) for name in runtime} == runtime


def test_a_host_without_a_browser_is_no_error(tmp_path: Path, recorded_installers: Path) -> None:
    """Where none can be installed the set-up goes on and says which tests will not run."""
    for tool in ("dirname", "pwd", "id", "flock", "timeout", "bash"):
        found = shutil.which(tool)
        if found:
            (recorded_installers / tool).symlink_to(found)
    done = subprocess.run(
        ["/bin/bash", str(SCRIPTS / "browser.sh")],
        env={"PATH": str(recorded_installers), "HOME": str(tmp_path), "TMPDIR": str(tmp_path),
             "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert "the browser tests will not run" in done.stderr
