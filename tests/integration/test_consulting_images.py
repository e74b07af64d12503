"""Findings looked at again with the real index, through the base image's own pip."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.throwaway import Throwaway
from activities.consulting.asking import Asker
from activities.consulting.consultant import Consultant, Consultation
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote

TARGET = "api/requirements.txt"


@pytest.fixture
def consultant(base_image: str) -> Consultant:
    """On this host's engine; patient, because the test host is busy."""
    engine = DockerEngine.from_environment(dict(os.environ))
    return Consultant(engine, Asker.on(Throwaway(engine.client)), limit_seconds=60)


def _about(image: str, manifest: str, *findings: Finding) -> Consultation:
    images = ("mm-orchestrator/never:built", image)
    return Consultation("run-1", findings, images, lambda path: manifest if path == TARGET else "")


def _add(name: str, said: str, **more: object) -> Finding:
    quotes = (Quote(source="log", line=1, text=said),)
    made = Finding(rule="r", kind=FindingKind.ADD_PYTHON_PACKAGE, names=(name,), target=TARGET, quotes=quotes)
    return made.model_copy(update=more)


async def test_a_version_is_chosen_and_proven(consultant: Consultant, base_image: str) -> None:
    """In the file's own style, with the wheel that holds the import, its age and no doubt."""
    finding = _add("itsdangerous", "ModuleNotFoundError: No module named 'itsdangerous'")
    seen = await consultant.consult(_about(base_image, "flask==2.0.3\n", finding))
    (found,) = seen.findings
    assert found.version is not None
    assert found.version.startswith("==2.")
    trace = "\n".join(found.consulted)
    assert f"Python 3.13.5 of {base_image}: itsdangerous has" in trace or "Python 3.13" in trace
    assert "holds itsdangerous/__init__.py" in trace
    assert f"version {found.version}: {TARGET} pins its packages" in trace
    assert found.doubts == ()


async def test_a_removed_name_leads_to_the_last_release_that_had_it(
    consultant: Consultant, base_image: str
) -> None:
    """Found by looking into wheels, without a table that says so."""
    said = "ImportError: cannot import name 'soft_unicode' from 'markupsafe' (/site-packages/markupsafe)"
    pin = _add("markupsafe", said, kind=FindingKind.CHANGE_PYTHON_VERSION_PIN)
    (found,) = (await consultant.consult(_about(base_image, "jinja2\nmarkupsafe\n", pin))).findings
    assert found.version == "<2.1.0"
    assert any("2.0.1 is the last release with markupsafe.soft_unicode" in line for line in found.consulted)


async def test_a_module_that_left_its_package_bounds_the_version(
    consultant: Consultant, base_image: str
) -> None:
    """setuptools still exists, its newest releases hold no pkg_resources."""
    finding = _add("setuptools", "ModuleNotFoundError: No module named 'pkg_resources'")
    (found,) = (await consultant.consult(_about(base_image, "flask==2.0.3\n", finding))).findings
    assert found.version == "==81.0.0"


async def test_a_package_that_does_not_exist_is_withdrawn(consultant: Consultant, base_image: str) -> None:
    """Nothing to install: the finding cannot be right, and the reason says why."""
    finding = _add("mm-orchestrator-has-no-such-package", "", origin=FindingOrigin.OPERATOR)
    seen = await consultant.consult(_about(base_image, "", finding))
    assert seen.findings == ()
    assert "has no mm-orchestrator-has-no-such-package" in seen.withdrawn[0]


async def test_without_an_index_the_finding_stays(consultant: Consultant, base_image: str) -> None:
    """No image of this project here, or no answer in time: said, and nothing else changes."""
    finding = _add("redis", "ModuleNotFoundError: No module named 'redis'")
    about = replace(_about(base_image, "", finding), images=("mm-orchestrator/never:built",))
    (found,) = (await consultant.consult(about)).findings
    assert "index not reachable" in found.consulted[-1]
    assert found.version is None
    hurried = Consultant(consultant.engine, consultant.asker, limit_seconds=0.5)
    (found,) = (await hurried.consult(_about(base_image, "", finding))).findings
    assert "index not reachable" in found.consulted[-1]
