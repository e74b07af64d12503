"""Python's rules for releases that do not fit: what ends a run or a build, and the cure."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.diagnosis.diagnose import Decision, Diagnosis, diagnose
from activities.diagnosis.evidence import Evidence, Phase, SourceText

OWN = 'Traceback (most recent call last):\n  File "/app/main.py", line 3, in <module>\n    {}\n'
LIB = OWN.replace("/app/main.py", "/usr/lib/python3.11/site-packages/{}")
NO_RELEASE = (
    "ERROR: Could not find a version that satisfies the requirement {0} (from versions: {1})\n"
    "ERROR: No matching distribution found for {0}\n"
)


def answer(log: str, image: str, phase: Phase) -> Diagnosis:
    """What the rules make of this log in a service that stands on `image`."""
    return diagnose(Evidence("app", (SourceText("log", log, phase),), base_image=image))


def shown(result: Diagnosis) -> str:
    """The best finding as `kind names version`."""
    finding = result.findings[0]
    return f"{finding.kind} {' '.join(finding.names)} {finding.version or ''}".strip()


def imported(name: str, module: str) -> str:
    """An ImportError about a name of an installed module."""
    path = f"/usr/lib/python3.11/site-packages/{module.replace('.', '/')}/__init__.py"
    return f"ImportError: cannot import name '{name}' from '{module}' ({path})\n"


RUN = [
    (
        OWN.format("np.bool"),
        "AttributeError: module 'numpy' has no attribute 'bool'.\n`np.bool` was",
        "numpy <1.24",
    ),
    (OWN.format("x"), "AttributeError: `np.float_` was removed in the NumPy 2.0 release. Use", "numpy <2"),
    (LIB.format("flask_sqlalchemy/x.py", "x"), imported("_app_ctx_stack", "flask"), "Flask <2.3"),
    (OWN.format("x"), imported("OpenAI", "openai"), "openai >=1"),
    (OWN.format("x"), imported("ugettext", "django.utils.translation"), "Django <4"),
    (OWN.format("x"), "ModuleNotFoundError: No module named 'werkzeug.contrib'\n", "Werkzeug <1"),
    (
        OWN.format("x"),
        "AttributeError: 'Flask' object has no attribute 'before_first_request'\n",
        "Flask <2.3",
    ),
    (
        OWN.format("x"),
        "AttributeError: 'EntryPoints' object has no attribute 'get'\n",
        "importlib-metadata <5",
    ),
    (OWN.format("x"), "ImportError: Numba needs NumPy 2.0 or less. Got NumPy 2.1.\n", "numpy <=2.0.99"),
    (
        OWN.format("x"),
        "pkg_resources.ContextualVersionConflict: (click 8.0.1 (/usr/lib),"
        " Requirement.parse('click<7.0,>=5.1'), {'flask'})\n",
        "click <7.0,>=5.1",
    ),
]


@pytest.mark.parametrize(("frames", "error", "pin"), RUN)
def test_a_release_that_does_not_fit_is_pinned(frames: str, error: str, pin: str) -> None:
    """The name is on record with the releases that have it; the reason quotes what was used."""
    result = answer(frames + error + "\n", "python:3.11-slim", Phase.RUN)
    assert shown(result) == f"change_python_version_pin {pin}", result.reason


OTHERS = [
    ("run", "python:3.10-slim-bullseye", OWN.format("x") + "ModuleNotFoundError: No module named 'tomllib'\n",
     "change_base_image python:3.11-slim"),
    ("run", "python:3.12", OWN.format("x") + "ModuleNotFoundError: No module named 'imp'\n",
     "change_base_image python:3.11"),
    ("run", "python:3.12", OWN.format("x") + "ModuleNotFoundError: No module named 'asyncore'\n",
     "add_python_package pyasyncore"),
    ("run", "python:3.10", OWN.format("x") + "ImportError: cannot import name 'Self' from 'typing'\n",
     "change_base_image python:3.11"),
    ("run", "", OWN.format("x") + "AttributeError: module 'jwt' has no attribute 'encode'\n",
     "replace_python_package jwt PyJWT"),
    ("run", "", OWN.format("x") + "ImportError: install httpx using `pip install httpx[http2]`.\n",
     "add_extra httpx[http2]"),
    ("run", "", OWN.format("x") + "DistributionNotFound: The 'redis' distribution was not found\n",
     "add_python_package redis"),
    ("run", "ubuntu:22.04", "/usr/bin/python3: No module named pip\n", "add_system_package python3-pip"),
    ("run", "alpine:3.18", "/usr/bin/python3: No module named pip\n", "add_system_package py3-pip"),
    ("build", "ubuntu:22.04", "you need to install the python3-venv\n", "add_system_package python3-venv"),
    ("build", "", NO_RELEASE.format("requsts", "none"), "rename_python_package requsts requests"),
    ("build", "", NO_RELEASE.format("sklearn-x", "none").replace("sklearn-x", "cv2"),
     "rename_python_package cv2 opencv-python-headless"),
    ("build", "", NO_RELEASE.format("os", "none"), "remove_python_package os"),
    ("build", "", NO_RELEASE.format("pywin32==306", "none"), "remove_python_package pywin32"),
    ("build", "python:3.11", NO_RELEASE.format("torch==1.7.1", "1.13.0, 2.0.0"),
     "change_base_image python:3.9"),
    ("build", "python:3.8", NO_RELEASE.format("torch==1.8.0+cu111", "1.7.1, 1.8.0"),
     "change_python_version_pin torch ==1.8.0"),
    ("build", "python:3.11", NO_RELEASE.format("requests==2.99.0", "2.31.0, 2.32.3"),
     "change_python_version_pin requests ==2.32.3"),
    ("build", "python:3.7-slim", NO_RELEASE.format("Django==4.2", "3.2.24, 3.2.25"),
     "change_base_image python:3.8-slim"),
    ("build", "python:3.8-alpine3.12", NO_RELEASE.format("tensorflow", "none"),
     "change_base_image python:3.8-slim"),
    ("build", "python:2.7", "ERROR: Package u'gunicorn' requires a different Python: 2.7.18 not in '>=3.4'\n",
     "change_python_version_pin gunicorn <20"),
    ("build", "python:3.5", "Collecting git+https://x/sanic\nERROR: Package 'sanic' requires a different"
     " Python: 3.5.9 not in '>=3.6'\n", "change_base_image python:3.6"),
    ("build", "", "error: click 8.0.1 is installed but click<8,>=7 is required by {'black'}\n",
     "change_python_version_pin click <8,>=7"),
    ("build", "", "    error in PyVCF setup command: use_2to3 is invalid.\n",
     "change_python_version_pin setuptools <58"),
    ("build", "", "error: externally-managed-environment\n",
     "edit_run_command pip install --break-system-packages"),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "image", "log", "expected"), OTHERS)
def test_the_cure_is_of_the_right_kind(phase: str, image: str, log: str, expected: str) -> None:
    """Base image, name, extra, removal or pin: whichever the message proves."""
    result = answer(log, image, Phase(phase))
    assert shown(result) == expected, result.reason


LEFT_ALONE = [
    ("run", "WARNING:  No supported WebSocket library detected. Please use \"pip install"
     " 'uvicorn[standard]'\"\n"),
    ("run", OWN.format("x") + "ImportError: cannot import name 'escape' from 'jinja2' (/app/jinja2.py)\n"),
    ("run", OWN.format("x") + "AttributeError: 'Order' object has no attribute 'append'\n"),
    ("run", OWN.format("x") + "ImportError: cannot import name 'Redis' from 'redis' (/app/redis.py)\n"),
    ("run", OWN.format("x") + "ModuleNotFoundError: No module named 'forum'\n"),
    ("run", OWN.format("x") + "PackageNotFoundError: No package metadata was found for acme-app\n"),
    ("run", OWN.format("x") + "ImportError: try pip install evil-thing[all]\n"),
    ("run", OWN.format("np.float") .replace("/app", "/usr/lib/python3.13/site-packages/lib")
     + "AttributeError: module 'numpy' has no attribute 'float'.\n"),
    ("build", NO_RELEASE.format("acme-auth==1.2", "none")),
    ("build", "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n"
     + NO_RELEASE.format("flask", "none")),
    ("build", "Looking in indexes: https://a/simple, https://b/simple\n"
     + NO_RELEASE.format("requsts", "none")),
    ("build", "ERROR: Invalid requirement: 'flask=1.0' (from line 1 of requirements.txt)\n"),
    ("build", "      File \"/tmp/pip-build-env-x/overlay/lib/python3.11/site-packages/a.py\", line 1\n"
     "      ModuleNotFoundError: No module named 'numpy'\n"),
    ("build", "The conflict is caused by:\n    a 1.0 depends on c<2\n    b 1.0 depends on c>=2\n\n"
     "ERROR: ResolutionImpossible: for help\n"),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "log"), LEFT_ALONE)
def test_what_no_requirement_cures_is_left_alone(phase: str, log: str) -> None:
    """Own modules, private packages, broken networks, contradictions that nothing decides."""
    result = answer(log, "python:3.11-slim", Phase(phase))
    assert result.decision is Decision.DECLINE, result.findings


def test_a_setup_script_gets_what_it_imports_in_a_step_before(tmp_path: Path) -> None:
    """Though the manifest has it already: pip runs the script before it installs anything."""
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.8\nCOPY requirements.txt .\nRUN pip3 install -r requirements.txt\n"
    )
    (tmp_path / "requirements.txt").write_text("numpy\nyolo34py\n")
    log = (
        '    Traceback (most recent call last):\n      File "/tmp/pip-build-e2b1/yolo34py/setup.py", line 5, '
        "in <module>\n        import numpy\n    ModuleNotFoundError: No module named 'numpy'\n"
    )
    result = diagnose(Evidence("app", (SourceText("build log", log, Phase.BUILD),), context=tmp_path))
    finding = result.findings[0]
    assert (finding.rule, finding.names, finding.target) == (
        "python.build_requirement",
        ("numpy",),
        "Dockerfile",
    )


def test_the_pin_goes_where_the_name_is_declared(tmp_path: Path) -> None:
    """Through an include; a name that no file has becomes a new line of the first manifest."""
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\nCOPY . .\nRUN pip install -r requirements.txt\n")
    (tmp_path / "requirements.txt").write_text("-r base.txt\nflask\n")
    (tmp_path / "base.txt").write_text("pydantic\n")
    for error, target in (
        (
            "PydanticImportError: `BaseSettings` has been moved to the `pydantic-settings` package\n",
            "base.txt",
        ),
        ("ImportError: urllib3 v2.0 only supports OpenSSL 1.1.1+\n", "requirements.txt"),
    ):
        log = OWN.format("x") + error
        result = diagnose(Evidence("app", (SourceText("log", log),), context=tmp_path))
        assert result.decision is Decision.DECLINE or result.findings[0].target == target


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([row[2] for row in OTHERS] + [log for _, log in LEFT_ALONE]), max_size=6))
def test_any_mixture_is_answered(logs: list[str]) -> None:
    """No order of messages breaks a rule, and every answer quotes lines that are there."""
    log = "".join(logs)
    for phase in Phase:
        result = answer(log, "python:3.11-slim", phase)
        for quote in result.findings[0].quotes:
            assert log.split("\n")[quote.line - 1] == quote.text


def test_hostile_lines_cost_little() -> None:
    """No pattern goes exponential, nor square, on what a container can print."""
    beginnings = (
        "Package 'x' requires a different Python: ", "requires Python but the running Python is ",
        "No matching distribution found for ", "VersionConflict: (", "error: x 1 is installed but ",
        "x 1 has requirement ", "ImportError: cannot import name ", "AttributeError: module '",
        "The conflict is caused by ResolutionImpossible ", "pip install ", "requires Python ",
        "has no member named ",
    )  # fmt: skip
    tails = ("a" * 1900, "a." * 900, "a[" * 900, "'" * 1900, "1," * 900, "a-1 " * 450, "(a " * 600)
    log = "".join(f"error: {start}{tail}\n" for start in beginnings for tail in tails)
    for phase in (Phase.RUN, Phase.BUILD):
        begun = time.process_time()
        answer(log, "python:3.11", phase)
        assert time.process_time() - begun < 5
