"""Argument lists for Compose, and what is read from its output; nothing is run."""

import json

import pytest

from activities.adapters.compose_cli import ComposeCli, UpFlags
from activities.adapters.compose_model import parse_model
from activities.adapters.compose_runner import ComposeRunner, changed_services, complaint
from activities.adapters.compose_secrets import secrets_in_config
from workflows.errors import OrchestratorError
from workflows.models.target import ComposeProject

PROJECT = ComposeProject(
    name="shop",
    working_dir="/srv/shop",
    config_files=("/srv/shop/compose.yaml", "/srv/shop/prod.yaml"),
    env_files=("/srv/shop/prod.env",),
    profiles=("web",),
    environment=("TAG",),
)
CALL = "docker compose --ansi never --progress plain --project-name shop --project-directory /srv/shop"
FILES = "--file /srv/shop/compose.yaml --file /srv/shop/prod.yaml --env-file /srv/shop/prod.env"
CLI = ComposeCli(PROJECT)
UP = "--no-deps --no-build --pull never --scale api=2"


@pytest.mark.parametrize(
    ("argv", "profile", "expected"),
    [
        (CLI.config(), "*", "config --format json"),
        (CLI.config_hash("api"), "*", "config --hash api"),
        (CLI.services(), "*", "config --services"),
        (CLI.active_services(), "web", "config --services"),
        (CLI.build("api"), "web", "build api"),
        (CLI.up("api", 2), "web", f"up --detach {UP} api"),
        (CLI.up("api", 2, UpFlags(force_recreate=True)), "web", f"up --detach {UP} --force-recreate api"),
        (CLI.up("api", 2, UpFlags(renew_anon_volumes=True)), "web", f"up --detach {UP} --renew-anon-volumes"),
        (CLI.up("api", 2, UpFlags(no_start=True)), "web", f"up --no-start {UP} api"),
        (CLI.up_dry_run(), "web", "up --no-start --dry-run --no-build --pull never"),
        (CLI.up_dry_run("api"), "web", "up --no-start --dry-run --no-build --pull never --no-deps api"),
        (CLI.states(), "web", "ps --all --format"),
    ],
)  # fmt: skip
def test_every_command_names_the_project_exactly(argv: list[str], profile: str, expected: str):
    """Project, directory, files, env files and profiles come first, then the command (COMPOSE fact 2)."""
    assert " ".join(argv).startswith(f"{CALL} {FILES} --profile {profile} {expected}")


def test_the_resolved_model_is_hashed_from_standard_input():
    """Project and directory are named; no file or env file is read once more."""
    argv = " ".join(CLI.resolved_config_hash("api"))
    assert argv == f"{CALL} --file - --profile * config --hash api"


def test_the_version_needs_no_project():
    """It is asked before any project is known."""
    assert CLI.version() == ["docker", "compose", "version", "--short"]


def test_only_named_variables_are_passed_on():
    """The worker's own variables never reach a project's interpolation."""
    worker = {"PATH": "/bin", "HOME": "/root", "TAG": "7", "AWS_SECRET": "x", "COMPOSE_FILE": "evil.yaml"}
    passed = ComposeRunner(worker)._environment_of(PROJECT)
    assert {"PATH": "/bin", "HOME": "/root", "TAG": "7"}.items() <= passed.items()
    assert not {"AWS_SECRET", "COMPOSE_FILE"} & set(passed)


CONFIG = {
    "name": "shop",
    "services": {
        "api": {
            "build": {"context": "/srv/shop/api", "args": {"NPM_TOKEN": "build-secret-1", "MODE": "prod"}},
            "depends_on": {"db": {"condition": "service_started"}},
            "environment": {"DB_PASSWORD": "env-secret-2", "URL": "redis://:url-secret-3@r/0", "EMPTY": None},
            "healthcheck": {"test": ["CMD", "true"]},
            "deploy": {"replicas": 3},
            "develop": {"watch": [{"path": "."}]},
            "volumes": [
                {"type": "volume", "target": "/cache"},
                {"type": "bind", "source": "/s", "target": "/t"},
            ],
        },
        "api-1": {"image": "x", "network_mode": "service:api", "healthcheck": {"disable": True}},
        "db": {"image": "postgres", "container_name": "shop-database"},
    },
    "secrets": {"token": {"content": "declared-secret-4"}, "var": {"environment": "FROM_ENV"}},
}


def test_the_model_is_typed_and_complete():
    """What preflight and the rollback ask for is there; what is not said has Compose's default."""
    model = parse_model(json.dumps(CONFIG), ("TAG",), frozenset())
    api, sidecar = model.services["api"], model.services["api-1"]
    assert (api.image, api.names_image, api.scale) == ("shop-api", False, 3)
    assert (api.build_context, api.dockerfile) == ("/srv/shop/api", "Dockerfile")
    assert (api.has_healthcheck, api.develop_watch, api.depends_on) == (True, True, ("db",))
    assert [volume.anonymous for volume in api.volumes] == [True, False]
    assert (sidecar.network_mode, sidecar.has_healthcheck, sidecar.build_context) == (
        "service:api",
        False,
        None,
    )
    assert model.unset == ("TAG",)


def test_secrets_of_the_configuration_are_known_for_masking():
    """Build arguments, environment, URLs and declared secrets; the model never shows them."""
    text = json.dumps(CONFIG)
    secrets = secrets_in_config(text, {"FROM_ENV": "env-secret-5"})
    assert secrets == {
        "build-secret-1", "env-secret-2", "url-secret-3", "declared-secret-4", "env-secret-5",
    }  # fmt: skip
    model = parse_model(text, (), secrets)
    assert "secret-1" not in repr(model)
    assert "secret-1" not in model.model_dump_json()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": "x", "services": {"a": {"build": 3}}}'])
def test_an_unexpected_model_is_refused_without_quoting_it(text: str):
    """Compose's JSON holds secrets, so an error names the kind of problem only."""
    with pytest.raises(OrchestratorError) as raised:
        parse_model(text, (), frozenset())
    assert raised.value.code == "compose_invalid"


DRY_RUN = """
time="2026-01-01T00:00:00Z" level=warning msg="The \\"X\\" variable is not set."
 DRY-RUN MODE -  Network shop_default  Creating
 DRY-RUN MODE -  Container shop-database  Running
 DRY-RUN MODE -  Container shop-api-1  Recreate
 DRY-RUN MODE -  Container shop-api-1  Recreated
 DRY-RUN MODE -  Container 1d7e327bc77e_shop-api-1  Starting
 DRY-RUN MODE -  Container shop-api-1-1  Running
 DRY-RUN MODE -  Container shop-old-1  Stopping
"""


def test_a_dry_run_names_services_not_containers():
    """``shop-api-1`` is the first ``api``, ``shop-api-1-1`` the first ``api-1``; orphans keep their name."""
    model = parse_model(json.dumps(CONFIG), (), frozenset())
    assert changed_services(DRY_RUN, model) == {"api", "shop-old-1"}


def test_compose_is_quoted_without_warnings_and_progress():
    """The operator reads Compose's own words, masked."""
    printed = DRY_RUN.replace(" DRY-RUN MODE - ", "") + "Error response: password=hunter2 is wrong\n"
    assert complaint(printed) == "Error response: password=[masked] is wrong"
    assert complaint("\n") == "no message"
