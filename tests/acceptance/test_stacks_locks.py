"""Services that install from a lock file, and what the image's own package index has to say."""

import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.proofs import check_succeeded
from tests.acceptance.stacks import broken_shop, compose_file, policy, web_app, web_block
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox

PYPROJECT = """\
[project]
name = "api"
version = "1"
requires-python = ">=3.11"
dependencies = ["inflection==0.5.1"]
"""
DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
RUN pip install --no-cache-dir --root-user-action=ignore uv
ENV UV_PYTHON_DOWNLOADS=never PATH=/app/.venv/bin:$PATH
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-install-project
COPY . .
CMD ["python", "-u", "app.py"]
"""
MAKES_LOCK = DOCKERFILE.replace(
    "RUN uv sync --frozen", "RUN rm uv.lock && uv lock && cp uv.lock /made.lock #"
)


@pytest.fixture
def locked(compose_project: ComposeFactory) -> ComposeSandbox:
    """A service whose image is built from uv.lock alone; the lock file is made by uv itself."""
    shop = compose_project(
        {
            "compose.yaml": compose_file(web_block("api")),
            "api/app.py": web_app("humanize"),
            "api/pyproject.toml": PYPROJECT,
            "api/uv.lock": "",
            "api/Dockerfile": MAKES_LOCK,
        }
    )
    shop.compose("build", "api")
    shop.write("api/uv.lock", shop.compose("run", "--rm", "--no-deps", "api", "cat", "/made.lock").stdout)
    shop.write("api/Dockerfile", DOCKERFILE)
    shop.up()
    return shop


def test_the_lock_file_changes_with_its_manifest(locked: ComposeSandbox, operator: Operator) -> None:
    """One plan holds both, the build takes the lock file, and the neighbours' versions in it stay."""
    operator.write_policy(policy(locked.name, str(locked.directory), max_wait_seconds=90))
    before = locked.read("api/uv.lock")

    record = check_succeeded(operator.run_local(locked.directory, "api", "repair api"), locked)

    assert [one.path for one in record.files_touched] == ["api/pyproject.toml", "api/uv.lock"]
    after = locked.read("api/uv.lock")
    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert 'name = "humanize"' in after
    assert not [line for line in gone if "inflection" in line and "version" in line]
    assert "humanize==" in locked.read("api/pyproject.toml"), "pinned as its neighbour"


def test_a_package_that_no_index_has_is_not_planned(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The image's own index is asked before anything is written, and its answer is the reason."""
    shop = compose_project(broken_shop())
    shop.up()

    ran = operator.run_local(shop.directory, "add mm-orchestrator-has-no-such-package to api")

    assert ran.record.failure is not None
    assert ran.record.failure.code == "no_safe_fix"
    assert "has no mm-orchestrator-has-no-such-package" in ran.record.failure.message
    assert shop.read("api/requirements.txt") == "# packages\n"


def test_a_name_that_went_is_found_in_the_last_release_that_had_it(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The index's own wheels show when it went, and the pin stays a pin."""
    shop = compose_project(broken_shop(requirements="itsdangerous==2.2.0\n"))
    app = shop.read("api/app.py").replace("import humanize", "from itsdangerous import json as humanize")
    shop.write("api/app.py", app)
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))

    record = check_succeeded(operator.run_local(shop.directory, "api", "repair api"), shop)

    assert shop.read("api/requirements.txt") == "itsdangerous==2.0.1\n"
    assert record.plan is not None
    (finding,) = record.plan.findings
    assert finding.rule in {"python.removed_name", "python.renamed_name"}
    assert any("2.0.1" in line for line in finding.consulted), finding.consulted


def test_a_young_package_is_installed_only_on_somebodys_word(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Where nobody may approve, a repair stops before it writes; the instruction that names it goes on."""
    shop = compose_project(broken_shop())
    shop.up()
    rules = policy(shop.name, str(shop.directory), max_wait_seconds=90)
    operator.write_policy(f"{rules}\nlimits:\n  min_package_age_days: 100000\n")

    refused = operator.run_local(shop.directory, "api", "repair api").record

    assert refused.failure is not None, [one.consulted for one in refused.plan.findings]
    assert refused.failure.code == "approval_impossible"
    assert "young_package: humanize first appeared" in refused.failure.message
    assert shop.read("api/requirements.txt") == "# packages\n"

    record = check_succeeded(operator.run_local(shop.directory, "add humanize to api"), shop)
    assert any("young_package: humanize" in warning for warning in record.warnings)
