"""What becomes of manifests: several packages, a user's own edits, pyproject, apt, plain instructions."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.operator import Operator, artifact_text
from tests.acceptance.proofs import check_refused, check_rolled_back, check_succeeded, stand
from tests.acceptance.stacks import (
    NEVER_HEALTHY,
    broken_shop,
    compose_file,
    policy,
    web_app,
    web_block,
    web_service,
)
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.finding import FindingOrigin
from workflows.models.plan import GeneratedBy

EDITED = (
    "# packages\n# olga: 0.5.1 first, see the ticket\ninflection==0.5.1   # not yet committed\n\n# the end"
)
"""A user's work in progress: an odd comment, odd spaces, no newline at the end."""


def rule(
    shop: ComposeSandbox, operator: Operator, *extra: str, service: str = "api", wait: float = 90
) -> None:
    """The policy of these tests."""
    operator.write_policy(
        policy(shop.name, str(shop.directory), service=service, max_wait_seconds=wait, extra_service=extra)
    )


def installed(shop: ComposeSandbox, package: str) -> str:
    """The version of a package in the running container."""
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return shop.compose("exec", "-T", "api", "python", "-c", code).stdout.strip()


def test_two_services_that_miss_two_packages_each_are_repaired_in_one_round_each(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The log names one package, the sources the other; a neighbour's own crash loop is not ours."""
    api, worker = (web_block(name, "restart: unless-stopped") for name in ("api", "worker"))
    shop = compose_project(
        {
            "compose.yaml": compose_file(api, worker),
            **web_service("api", "humanize", "tabulate"),
            **web_service("worker", "xmltodict", "inflection"),
        }
    )
    shop.up()
    rule(shop, operator)
    before, sick = shop.checksums(), shop.container("worker")

    record = check_succeeded(operator.run_local(shop.directory, "api", "repair the api service"), shop)

    assert record.plan is not None
    found = {finding.origin: finding.names for finding in record.plan.findings}
    assert found == {FindingOrigin.EVIDENCE: ("humanize",), FindingOrigin.SCAN: ("tabulate",)}
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\ntabulate\n"
    assert shop.read("worker/requirements.txt") == "# packages\n"
    assert shop.container("worker").id == sick.id
    assert shop.container("worker").attrs["Image"] == sick.attrs["Image"]

    rule(shop, operator, service="worker")
    healthy = shop.fingerprints(without="worker")
    record = check_succeeded(operator.run_local(shop.directory, "worker", "repair the worker service"), shop)

    assert record.plan is not None
    assert [name for finding in record.plan.findings for name in finding.names] == ["xmltodict", "inflection"]
    assert shop.fingerprints(without="worker") == healthy
    changed = {path for path, hashed in shop.checksums().items() if before[path] != hashed}
    assert changed == {"api/requirements.txt", "worker/requirements.txt"}


def git(directory: Path, *args: str) -> str:
    """Run git without writing the index on the way."""
    who = ("-c", "user.name=olga", "-c", "user.email=olga@example.org")
    done = subprocess.run(
        ["git", "--no-optional-locks", *who, *args], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def checkout(compose_project: ComposeFactory) -> ComposeSandbox:
    """A git checkout with committed, staged and unstaged versions of the very file that must be changed."""
    shop = compose_project(broken_shop(requirements="# packages\n"))
    git(shop.directory, "init", "--quiet")
    git(shop.directory, "add", ".")
    git(shop.directory, "commit", "--quiet", "-m", "first")
    shop.write("api/requirements.txt", "# packages\ninflection==0.5.0\n")
    git(shop.directory, "add", "api/requirements.txt")
    shop.write("api/requirements.txt", EDITED)
    shop.write("api/notes.txt", "not even added\n")
    shop.up()
    return shop


def test_a_users_uncommitted_edits_of_the_same_file_survive_the_repair(
    checkout: ComposeSandbox, operator: Operator
) -> None:
    """The package is added to what the user is writing; commit, index and the rest stay as they are."""
    rule(checkout, operator)
    before = checkout.checksums()

    record = check_succeeded(operator.run_local(checkout.directory, "api", "repair api"), checkout)

    repaired = checkout.read("api/requirements.txt")
    without = re.sub(r"humanize==[\d.]+\n", "", repaired, count=1)
    assert without == EDITED, "one line more, pinned as its neighbour, and not a byte else"
    after = checkout.checksums()
    assert {path for path in before if after[path] != before[path]} == {"api/requirements.txt"}
    assert set(after) == set(before)
    assert git(checkout.directory, "show", ":api/requirements.txt") == "# packages\ninflection==0.5.0\n"
    assert "+inflection==0.5.1   # not yet committed" in artifact_text(record, "diff-before.patch")
    assert "humanize" not in artifact_text(record, "diff-before.patch")
    assert "+humanize" in artifact_text(record, "diff-after.patch")


def test_a_users_uncommitted_edits_are_what_a_rollback_leads_back_to(
    checkout: ComposeSandbox, operator: Operator
) -> None:
    """Exactly the user's bytes, not the committed ones; every byte below ``.git`` is what it was."""
    rule(checkout, operator, *NEVER_HEALTHY, wait=6)
    before = stand(checkout)
    head = git(checkout.directory, "rev-parse", "HEAD")
    assert any(path.startswith(".git/objects/") for path in before.files)

    ran = operator.run_local(checkout.directory, "api", "repair api")

    check_rolled_back(ran, "health_timeout", checkout, before)
    assert checkout.read("api/requirements.txt") == EDITED
    assert git(checkout.directory, "rev-parse", "HEAD") == head
    assert git(checkout.directory, "show", ":api/requirements.txt") == "# packages\ninflection==0.5.0\n"
    assert git(checkout.directory, "status", "--porcelain").splitlines() == [
        "MM api/requirements.txt",
        "?? api/notes.txt",
    ]


PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "api"  # olga's
version = "1.0"
dependencies = [
    # nothing yet
]

[tool.setuptools]
py-modules = []
"""
PYPROJECT_DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
COPY pyproject.toml .
RUN pip install --no-cache-dir --root-user-action=ignore .
COPY . .
CMD ["python", "-u", "app.py"]
"""


def test_a_pyproject_gets_the_missing_dependency_with_its_layout_kept(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The line goes into ``[project] dependencies``; every other line is the user's own."""
    shop = compose_project(
        {
            "compose.yaml": compose_file(web_block("api")),
            "api/app.py": web_app("humanize"),
            "api/pyproject.toml": PYPROJECT,
            "api/Dockerfile": PYPROJECT_DOCKERFILE,
        }
    )
    shop.up()
    rule(shop, operator)

    check_succeeded(operator.run_local(shop.directory, "api", "repair api"), shop)

    lines = shop.read("api/pyproject.toml").splitlines(keepends=True)
    added = [line for line in lines if line not in PYPROJECT.splitlines(keepends=True)]
    assert [line.strip(' ,"\n') for line in added] == ["humanize"]
    assert "".join(line for line in lines if line not in added) == PYPROJECT
    assert installed(shop, "humanize")


@pytest.fixture
def healthy(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """One healthy service that needs nothing."""
    files = {"compose.yaml": compose_file(web_block("api"))}
    shop = compose_project(files | web_service("api", requirements="inflection==0.5.1  # mine\n"))
    shop.compose("up", "--detach", "--build", "--wait")
    rule(shop, operator)
    return shop


def test_a_system_package_is_installed_in_the_image(healthy: ComposeSandbox, operator: Operator) -> None:
    """An operator's "add system package" edits the Dockerfile, and the running container has the program."""
    before = healthy.read("api/Dockerfile").splitlines()

    record = check_succeeded(operator.run_local(healthy.directory, "add system package tini to api"), healthy)

    assert record.plan is not None
    assert record.plan.generated_by is GeneratedBy.OPERATOR
    after = healthy.read("api/Dockerfile").splitlines()
    assert [line for line in after if line in before] == before
    assert any("tini" in line for line in after if line not in before)
    assert "tini version" in healthy.compose("exec", "-T", "api", "tini", "--version").stdout


def test_a_package_is_added_by_name(healthy: ComposeSandbox, operator: Operator) -> None:
    """An operator's "add PACKAGE to SERVICE" needs no proof that it is missing."""
    check_succeeded(operator.run_local(healthy.directory, "add xmltodict to api"), healthy)

    added = healthy.read("api/requirements.txt").removeprefix("inflection==0.5.1  # mine\n")
    assert added == f"xmltodict=={installed(healthy, 'xmltodict')}\n", "pinned as its neighbour"


def test_a_package_is_pinned_with_its_comment_kept(healthy: ComposeSandbox, operator: Operator) -> None:
    """An operator's "pin PACKAGE to VERSION in SERVICE" changes the version, nothing else of the line."""
    check_succeeded(operator.run_local(healthy.directory, "pin inflection to 0.5.0 in api"), healthy)

    assert healthy.read("api/requirements.txt") == "inflection==0.5.0  # mine\n"
    assert installed(healthy, "inflection") == "0.5.0"


def test_a_pin_of_what_is_not_there_is_refused(healthy: ComposeSandbox, operator: Operator) -> None:
    """A package that nobody asks for cannot be pinned; nothing is touched."""
    before, running = stand(healthy), healthy.fingerprints()

    ran = operator.run_local(healthy.directory, "pin humanize to 4.9.0 in api")

    check_refused(ran, "no_safe_fix", before, stand(healthy))
    assert healthy.fingerprints() == running


def test_a_rebuild_ships_the_sources_as_they_are_now(healthy: ComposeSandbox, operator: Operator) -> None:
    """A rebuild changes no file and runs the present sources; again, it restarts the same image."""
    healthy.write("api/app.py", healthy.read("api/app.py").replace("serving", "serving anew"))
    before = stand(healthy)

    record = check_succeeded(operator.run_local(healthy.directory, "rebuild api"), healthy)

    after, first = stand(healthy), healthy.container("api")
    assert after.files == before.files
    assert after.reference != before.reference
    assert b"serving anew" in first.logs()
    assert record.files_touched == ()

    check_succeeded(operator.run_local(healthy.directory, "rebuild api"), healthy)

    assert stand(healthy).reference == after.reference
    assert healthy.container("api").id != first.id
