"""One row per kind of failure: what ends a run, in the words the tools use, and what the rules say."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.diagnosis.diagnose import Decision, diagnose
from activities.diagnosis.evidence import Evidence, Phase, SourceText

FRAME = 'Traceback (most recent call last):\n  File "/app/main.py", line 3, in <module>\n    x\n'
SITE = FRAME.replace("/app/main.py", "/usr/local/lib/python3.13/site-packages/lib/core.py")
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
NO_FILE = "cannot open shared object file: No such file or directory\n"
NO_MODULE = FRAME + "ModuleNotFoundError: No module named "
NO_YAML = NO_MODULE + "'yaml'\n"

FIXES = [
    ("run", NO_YAML, "PyYAML"),
    ("run", FRAME + "ImportError: No module named yaml\n", "PyYAML"),
    ("run", "/usr/local/bin/python: No module named gunicorn\n", "gunicorn"),
    ("run", "api-1  | " + NO_YAML.rstrip().replace("\n", "\napi-1  | ") + "\n", "PyYAML"),
    (
        "run",
        "2026-01-02T03:04:05.1Z " + NO_YAML.rstrip().replace("\n", "\n2026-01-02T03:04:05.1Z "),
        "PyYAML",
    ),
    ("run", NO_YAML + "api exited with code 1\n", "PyYAML"),
    ("run", "redis: Connection refused, retrying\n" + NO_YAML, "PyYAML"),
    ("run", SITE + "ModuleNotFoundError: No module named 'greenlet'\n", "greenlet"),
    (
        "run",
        FRAME.replace("x\n", "import mysql.connector\n") + "ModuleNotFoundError: No module named 'mysql'\n",
        "mysql-connector-python",
    ),
    (
        "run",
        FRAME.replace("x\n", "from google.cloud import storage\n")
        + "ModuleNotFoundError: No module named 'google'\n",
        "google-cloud-storage",
    ),
    ("run", NO_MODULE + "'google.protobuf'\n", "protobuf"),
    (
        "run",
        NO_YAML + CAUSE + SITE + "django.core.exceptions.ImproperlyConfigured: Error loading yaml\n",
        "PyYAML",
    ),
    (
        "run",
        SITE
        + "ModuleNotFoundError: No module named 'ujson'\n"
        + CONTEXT
        + FRAME
        + "ModuleNotFoundError: No module named 'simplejson'\n",
        "simplejson",
    ),
    ("run", SITE + "ModuleNotFoundError: No module named 'distutils'\n", "setuptools"),
    ("run", NO_MODULE + "'pkg_resources'\n", "setuptools"),
    (
        "run",
        FRAME + 'RuntimeError: Form data requires "python-multipart" to be installed. \n',
        "python-multipart",
    ),
    ("run", FRAME + "ImportError: Missing optional dependency 'openpyxl'.  Use pip or conda.\n", "openpyxl"),
    ("run", FRAME + "ImportError: lxml not found, please install it: pip install lxml\n", "lxml"),
    (
        "run",
        SITE + "ImportError: email-validator is not installed, run `pip install 'pydantic[email]'`\n",
        "pydantic[email]",
    ),
    (
        "run",
        FRAME
        + "bs4.FeatureNotFound: Couldn't find a tree builder with the features you requested: lxml. Do\n",
        "lxml",
    ),
    ("run", "sh: 1: exec: uvicorn: not found\n", "uvicorn"),
    ("run", "/bin/sh: celery: not found\n", "celery"),
    ("run", FRAME + "ImportError: libGL.so.1: " + NO_FILE, "libgl1"),
    ("run", "python3: error while loading shared libraries: libgomp.so.1: " + NO_FILE, "libgomp1"),
    (
        "run",
        FRAME + "OSError: cannot load library 'libpango-1.0-0': libpango-1.0-0: cannot open\n",
        "libpango-1.0-0",
    ),
    ("run", FRAME + "OSError: libsndfile.so.1: " + NO_FILE, "libsndfile1"),
    (
        "build",
        '#9 1.2 Error: pg_config executable not found.\n#9 ERROR: process "/bin/sh -c pip install psycopg2"'
        " did not complete successfully: exit code: 1\n",
        "libpq-dev",
    ),
    (
        "build",
        "error: command 'gcc' failed: No such file or directory\nERROR: Failed building wheel for x\n",
        "build-essential",
    ),
    (
        "build",
        "#7 2.1   ERROR: Cannot find command 'git' - do you have 'git' installed and in your PATH?\n",
        "git",
    ),
    ("build", "#7 2.1 src/x.c:3:10: fatal error: ffi.h: No such file or directory\n", "libffi-dev"),
    (
        "build",
        "#7 0.2 ModuleNotFoundError: No module named 'yaml'\n#7 ERROR: process \"x\" did not complete\n",
        "PyYAML",
    ),
]


@pytest.mark.parametrize(("phase", "log", "name"), FIXES)
def test_a_missing_package_is_named(phase: str, log: str, name: str) -> None:
    """The best finding has the package, and its quotes are lines of the log."""
    evidence = Evidence("api", (SourceText("log", log, Phase(phase)),), base_image="python:3.13-slim")
    result = diagnose(evidence)
    assert result.decision is Decision.FIX, result.reason
    assert name in result.findings[0].names
    for quote in result.findings[0].quotes:
        assert log.split("\n")[quote.line - 1] == quote.text


DECLINES = [
    ("run", NO_YAML + FRAME + "KeyError: 'DATABASE_URL'\n", "missing_setting"),
    (
        "run",
        NO_YAML + "psycopg2.OperationalError: could not connect: Connection refused\n",
        "connection_refused",
    ),
    ("run", FRAME + "ConnectionRefusedError: [Errno 111] Connection refused\n", "connection_refused"),
    ("run", FRAME + "socket.gaierror: [Errno -2] Name or service not known\n", "connection_refused"),
    ("run", "OSError: [Errno 98] Address already in use\n", "address_in_use"),
    ("run", "OSError: [Errno 28] No space left on device\n", "disk_full"),
    ("run", FRAME + "PermissionError: [Errno 13] Permission denied: '/data/x'\n", "permission_denied"),
    (
        "run",
        '  File "/app/main.py", line 9\n    def f(:\n          ^\nSyntaxError: invalid syntax\n',
        "syntax_error",
    ),
    ("run", FRAME + "TypeError: f() missing 1 required positional argument: 'x'\n", "other_error"),
    ("run", FRAME + "ImportError: cannot import name 'a' from 'app.b' (/app/b.py)\n", "name_mismatch"),
    (
        "run",
        FRAME
        + "ImportError: cannot import name 'a' from partially initialized module 'app.b' (most likely due"
        " to a circular import) (/app/b.py)\n",
        "circular_import",
    ),
    ("run", NO_MODULE + "'main'\n", "own_module"),
    ("run", NO_MODULE + "'company_internal_auth'\n", "unknown_module"),
    ("run", NO_MODULE + "'_sqlite3'\n", "standard_module"),
    ("run", NO_MODULE + "'werkzeug.nonesuch'\n", "submodule"),
    ("run", NO_MODULE + "'attr.validators'; 'attr' is not a package\n", "shadowed"),
    ("run", FRAME + "ImportError: libsecret-thing.so.3: " + NO_FILE, "unknown_library"),
    ("run", 'ERROR:    Error loading ASGI app. Could not import module "main".\n', "cannot_import_app"),
    ("run", "sh: 1: ./start.sh: Permission denied\n", "permission_denied"),
    ("run", "exec /app/run: exec format error\n", "exec_format"),
    ("run", FRAME + "sqlite3.OperationalError: no such table: users\n", "database_not_migrated"),
    ("run", 'FATAL:  password authentication failed for user "a"\n', "authentication"),
    ("run", FRAME + "ValueError: please pip install something-nobody-knows first\n", "other_error"),
    (
        "build",
        "ERROR: Could not find a version that satisfies the requirement acme-billing (from versions: none)\n"
        "ERROR: No matching distribution found for acme-billing\n",
        "no_distribution",
    ),
    ("build", "ERROR: ResolutionImpossible: for help visit the documentation\n", "version_conflict"),
    ("build", "E: Unable to locate package our-own-tool\n", "apt_package"),
    ("build", '#5 ERROR: failed to compute cache key: "/requirements.txt": not found\n', "build_context"),
    ("build", "ERROR: failed to solve: python:9.99: failed to resolve source metadata\n", "base_image"),
    ("build", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n", "hash_mismatch"),
    ("build", "#9 CANCELED\n#8 0.3 No module named 'yaml'\n", "no_evidence"),
    ("run", "INFO listening on 8000\n", "no_evidence"),
    ("run", "", "no_evidence"),
]


@pytest.mark.parametrize(("phase", "log", "rule"), DECLINES)
def test_other_causes_are_left_alone(phase: str, log: str, rule: str) -> None:
    """The true cause is named and quoted, and no package is proposed."""
    evidence = Evidence("api", (SourceText("log", log, Phase(phase)),), base_image="python:3.13-slim")
    result = diagnose(evidence)
    assert result.decision is Decision.DECLINE, result.findings
    (finding,) = result.findings
    assert finding.rule.split(".")[1] == rule, result.reason
    assert finding.names == ()
    assert bool(finding.quotes) is (rule != "no_evidence")
    assert result.reason


def test_an_unknown_module_tells_how_to_say_it() -> None:
    """The operator is given the very words."""
    log = NO_MODULE + "'company_internal_auth'\n"
    assert "add <package> to api" in diagnose(Evidence("api", (SourceText("log", log),))).reason


@pytest.mark.parametrize(
    "line",
    [
        "The command '/bin/sh -c pip install flask' returned a non-zero code: 1",
        '#8 ERROR: process "/bin/sh -c pip install flask" did not complete successfully: exit code: 1',
        "#8 [2/3] RUN pip install flask || echo please pip install flask",
        "  12 | >>> RUN pip install flask # please install",
        "Step 4/8 : RUN echo error: pip install flask",
    ],
)
def test_a_repeated_command_is_no_evidence(line: str) -> None:
    """Builders print the command that failed; what it installs is not what is missing."""
    for phase in (Phase.BUILD, Phase.RUN):
        assert diagnose(Evidence("api", (SourceText("log", line, phase),))).decision is Decision.DECLINE


def test_the_first_source_with_a_cause_decides() -> None:
    """A broken build speaks before the container it could not replace."""
    sources = (
        SourceText("build.log", "E: Unable to locate package nope\n", Phase.BUILD),
        SourceText("container log", NO_YAML),
    )
    assert diagnose(Evidence("api", sources)).findings[0].rule == "decline.apt_package"
    assert diagnose(Evidence("api", sources[::-1])).findings[0].names == ("PyYAML",)


@pytest.mark.parametrize(
    "log",
    [
        "INFO request failed: connection error\n" * 200_000,
        "error " + "a" * 2_000_000,
        "error: please " + "pip install " * 50_000,
        "Traceback (most recent call last):\n" * 20_000,
        FRAME + "  x\n" * 200_000,
    ],
)
def test_hostile_logs_cost_little(log: str) -> None:
    """A log is written by the broken program; it must not hold up its own diagnosis."""
    begin = time.process_time()
    diagnose(Evidence("api", (SourceText("log", log + "\n" + NO_YAML),)))
    assert time.process_time() - begin < 10


def test_quotes_stay_small() -> None:
    """Findings travel in workflow histories."""
    log = "OSError: [Errno 28] No space left on device" + "x" * 50_000
    (quote,) = diagnose(Evidence("api", (SourceText("log", log),))).findings[0].quotes
    assert len(quote.text) == 1000
    assert log.startswith(quote.text)


PIECES = [row[1] for row in FIXES + DECLINES]


@settings(deadline=None)  # the machine is shared
@given(st.lists(st.sampled_from(PIECES), max_size=4), st.sampled_from(list(Phase)), st.integers(0, 60))
def test_any_mixture_is_answered(pieces: list[str], phase: Phase, cut: int) -> None:
    """Cut and mixed logs never raise; a fix names a package, a quote is always a real line."""
    log = "".join(pieces)[cut:]
    result = diagnose(Evidence("api", (SourceText("log", log, phase),)))
    for finding in result.findings:
        assert bool(finding.names) is (result.decision is Decision.FIX)
        for quote in finding.quotes:
            assert log.split("\n")[quote.line - 1] == quote.text
