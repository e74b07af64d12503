"""PREFLIGHT on the real engine: every code it can refuse with, and what it measures."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket

import pytest

from activities.adapters.journal import Journal
from tests.conftest import ComposeFactory
from tests.integration.preflight_host import (
    COMPOSE,
    REPAIR,
    RUN_ID,
    MakeHost,
    PreflightHost,
    fake_docker,
    host_maker,
    read_only_proxy,
)
from workflows.allow_list import allowed
from workflows.models.request import IntentKind
from workflows.models.snapshot import ServiceState

ENGINE_SOCKET = "/var/run/docker.sock"


@pytest.fixture
def make_host(compose_project: ComposeFactory, tmp_path: Path) -> MakeHost:
    """A project on disk and a worker that looks at it."""
    return host_maker(compose_project, tmp_path / "state")


def _policy(rules: str = "", rest: str = "") -> str:
    return f"projects:\n  {{name}}:\n    workspace: {{dir}}\n{rules}{rest}"


class TestMeasured:
    """What preflight finds out, and that it touches nothing."""

    async def test_absent_service_in_zero_configuration(self, make_host: MakeHost) -> None:
        """No container yet: the files Compose finds by itself, and the configured scale."""
        host = make_host()
        result = await host.accept(REPAIR)
        assert result.intent.kind is IntentKind.REPAIR
        assert result.snapshot.state is ServiceState.ABSENT
        target = result.target
        assert (target.service, target.scale) == ("api", 1)
        assert target.workspace == str(host.sandbox.directory)
        images = host.sandbox.compose("config", "--images", "api").stdout.split()
        assert images == [target.image]
        assert allowed("api/requirements.txt", target.allow)
        assert not allowed("compose.yaml", target.allow)
        assert not result.gate.protected
        assert result.warnings == ()

    async def test_running_service_is_called_as_its_labels_say(self, make_host: MakeHost) -> None:
        """Two files, an env file and two replicas; nothing of it is guessed (COMPOSE fact 2)."""
        host = make_host(
            {"prod.yaml": "services:\n  api:\n    environment: {MODE: $MODE}\n", "prod.env": "MODE=x\n"}
        )
        files = ("-f", "compose.yaml", "-f", "prod.yaml", "--env-file", "prod.env")
        host.sandbox.compose(*files, "up", "-d", "--build", "--scale", "api=2", "api")
        result = await host.accept(REPAIR)
        called = result.target.project
        directory = host.sandbox.directory
        assert called.config_files == (str(directory / "compose.yaml"), str(directory / "prod.yaml"))
        assert called.env_files == (str(directory / "prod.env"),)
        assert called.working_dir == str(directory)
        assert result.target.scale == 2
        assert result.snapshot.state is ServiceState.RUNNING
        assert {c.config_hash for c in result.snapshot.containers} == {result.target.config_hash}

    async def test_an_env_file_is_part_of_the_hash(self, make_host: MakeHost) -> None:
        """The label covers the content of ``env_file``: as deployed it is no drift, edited it is."""
        lines = "services:\n  api:\n    env_file: [api.env]\n    environment: {PRICE: 'a$$b'}\n"
        quoted = "A=1\nB=\"in $A quotes\"\nC='$x'\n"
        host = make_host({"compose.override.yaml": lines, "api.env": quoted})
        host.sandbox.up("api")
        result = await host.accept(REPAIR)
        assert {c.config_hash for c in result.snapshot.containers} == {result.target.config_hash}
        host.sandbox.write("api.env", quoted + "D=2\n")
        assert (await host.refuse(REPAIR)).code == "config_drift"

    async def test_stopped_service(self, make_host: MakeHost) -> None:
        """A stopped container is a state of its own, to be gone back to."""
        host = make_host()
        host.sandbox.up("api")
        host.sandbox.compose("stop", "-t", "1", "api")
        assert (await host.accept(REPAIR)).snapshot.state is ServiceState.STOPPED

    async def test_policy_rules_are_pinned(self, make_host: MakeHost) -> None:
        """Allow list, probes, gate and limits are the policy's; the request only lowers."""
        rules = """\
    services:
      api:
        allow: [api/requirements.txt]
        protected: true
        verification: {max_wait_seconds: 7, http: [{url: "http://127.0.0.1:1/x", vantage: target}]}
"""
        rest = "approvals: {trust: unsigned, approver_roles: [sre]}\nroles: {sre: [ada]}\n"
        host = make_host().with_policy(_policy(rules, rest))
        result = await host.accept(REPAIR, requested_by="eve", max_rounds=2, colour="red")
        assert result.target.allow == ("api/requirements.txt",)
        assert result.verification.max_wait_seconds == 7
        assert result.gate.protected
        assert result.gate.identities == {"ada": ("sre",)}
        assert result.limits.max_rounds == 2
        assert result.warnings == ("unknown field 'colour' was ignored",)
        assert result.policy_digest == host.step.policies.policy().digest

    async def test_compose_files_of_the_policy(self, make_host: MakeHost) -> None:
        """Without a container the policy says which files; the first one's directory is the project's."""
        files = {"deploy/stack.yaml": COMPOSE.replace("./api", "../api")}
        host = make_host(files).with_policy(_policy("    compose_files: [deploy/stack.yaml]\n"))
        result = await host.accept(REPAIR)
        assert result.target.project.working_dir == str(host.sandbox.directory / "deploy")
        assert result.target.build is not None
        assert result.target.build.context == str(host.sandbox.directory / "api")

    async def test_build_stage(self, make_host: MakeHost) -> None:
        """The stage that becomes the image is where packages are missing."""
        compose = COMPOSE.replace("build: ./api\n", "build: {context: ./api, target: final}\n")
        build = (await make_host(compose=compose).accept(REPAIR)).target.build
        assert build is not None
        assert build.target == "final"

    async def test_own_journal_does_not_block_a_retry(self, make_host: MakeHost) -> None:
        """The same run may be asked again after its first attempt got lost."""
        host = make_host()
        await _open_journal(host, RUN_ID)
        await host.accept(REPAIR)

    async def test_warnings_do_not_stop_a_run(self, make_host: MakeHost) -> None:
        """develop.watch and a store that is down are said, not refused (I6)."""
        watch = "build: ./api\n    develop: {watch: [{action: rebuild, path: ./api}]}\n"
        host = make_host(compose=COMPOSE.replace("build: ./api\n", watch))
        host.state.artifact_root.rmdir()
        host.state.artifact_root.write_text("in the way")
        warnings = (await host.accept(REPAIR)).warnings
        assert any("develop.watch" in warning for warning in warnings)
        assert any("Evidence is spooled" in warning for warning in warnings)


class TestDocker:
    """SPEC edge case: Docker daemon or socket unavailable."""

    async def test_no_socket(self, make_host: MakeHost, tmp_path: Path) -> None:
        """Refused at once, nothing touched."""
        host = make_host().with_environment(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
        began = time.monotonic()
        assert (await host.refuse(REPAIR)).code == "docker_unavailable"
        assert time.monotonic() - began < 20

    async def test_socket_that_never_answers(self, make_host: MakeHost) -> None:
        """A daemon that hangs is as good as none, within three seconds."""
        host = make_host()
        path = host.state.root / "hung.sock"
        with socket(AF_UNIX, SOCK_STREAM) as hung:
            hung.bind(str(path))
            hung.listen(16)
            began = time.monotonic()
            error = await host.with_environment(DOCKER_HOST=f"unix://{path}").refuse(REPAIR)
            assert error.code == "docker_unavailable"
            assert time.monotonic() - began < 20

    async def test_proxy_that_denies_changes(self, make_host: MakeHost) -> None:
        """A read-only socket proxy cannot serve a repair; preflight says so."""
        host = make_host()
        path = host.state.root / "proxy.sock"
        with read_only_proxy(path, ENGINE_SOCKET) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            error = await host.with_environment(DOCKER_HOST=f"unix://{path}").refuse(REPAIR)
            server.shutdown()
        assert error.code == "docker_forbidden"

    @pytest.mark.parametrize(
        ("script", "code"),
        [
            ('case "$1" in info|network) echo another-daemon; exit 0;; esac', "docker_endpoint_mismatch"),
            ('case "$*" in "compose version"*) echo 2.29.7; exit 0;; esac', "compose_too_old"),
            ('[ "$1" = compose ] && echo "unknown command: docker compose" >&2 && exit 1', "compose_missing"),
        ],
    )
    async def test_command_line_that_cannot_be_used(
        self, make_host: MakeHost, tmp_path: Path, script: str, code: str
    ) -> None:
        """Another daemon behind the command, an old Compose, none at all."""
        path = fake_docker(tmp_path / "bin", script)
        error = await make_host().with_environment(PATH=path).refuse(REPAIR)
        assert error.code == code


class TestProject:
    """The compose files, and what became of them since the last deployment."""

    async def test_broken_compose_file_is_quoted(self, make_host: MakeHost) -> None:
        """Compose's own words reach the operator."""
        error = await make_host(compose="services:\n  api: [\n").refuse(REPAIR)
        assert error.code == "compose_invalid"
        assert "yaml: line" in error.message

    async def test_no_compose_file(self, make_host: MakeHost) -> None:
        """A directory without a project."""
        host = make_host()
        (host.sandbox.directory / "compose.yaml").unlink()
        error = await host.refuse(REPAIR)
        assert error.code == "compose_invalid"
        assert "no configuration file" in error.message

    async def test_files_of_the_running_containers_are_gone(self, make_host: MakeHost) -> None:
        """Never replaced by what Compose would find instead."""
        host = make_host({"prod.yaml": "services: {}\n"})
        host.sandbox.compose("-f", "compose.yaml", "-f", "prod.yaml", "up", "-d", "worker")
        (host.sandbox.directory / "prod.yaml").unlink()
        error = await host.refuse(REPAIR)
        assert error.code == "compose_files_missing"
        assert "prod.yaml" in error.message

    async def test_undeployed_edit_of_the_target(self, make_host: MakeHost) -> None:
        """It would ship with the fix."""
        host = make_host()
        host.sandbox.up("api")
        host.sandbox.write(
            "compose.yaml", COMPOSE.replace("build: ./api\n", "build: ./api\n    user: nobody\n")
        )
        assert (await host.refuse(REPAIR)).code == "config_drift"

    async def test_undeployed_edit_of_a_neighbour_is_not_ours(self, make_host: MakeHost) -> None:
        """Only the target is redeployed, so only its edits matter."""
        host = make_host()
        host.sandbox.up("api")
        host.sandbox.write(
            "compose.yaml", COMPOSE.replace("image: python", "user: nobody\n    image: python")
        )
        await host.accept(REPAIR)

    async def test_unset_variables_are_named(self, make_host: MakeHost) -> None:
        """Compose would put blanks in their place and exit 0."""
        compose = COMPOSE.replace(
            "build: ./api\n", "build: ./api\n    environment: {T: '${REGION_X}${OTHER_X}'}\n"
        )
        host = make_host(compose=compose).with_environment(REGION_X="from the worker")
        error = await host.refuse(REPAIR)
        assert error.code == "unset_variables"
        assert "OTHER_X, REGION_X" in error.message

    async def test_variables_that_the_policy_names_are_passed_on(self, make_host: MakeHost) -> None:
        """No others reach Compose from the worker's environment."""
        compose = COMPOSE.replace("build: ./api\n", "build: ./api\n    environment: {T: '${REGION_X}'}\n")
        host = make_host(compose=compose).with_environment(REGION_X="abc")
        await host.with_policy(_policy("    environment: [REGION_X]\n")).accept(REPAIR)

    async def test_unsettled_journal(self, make_host: MakeHost) -> None:
        """Another run's changes are still open (I7)."""
        host = make_host()
        await _open_journal(host, "other-run")
        error = await host.refuse(REPAIR)
        assert error.code == "project_busy"
        assert "recover other-run" in error.remedy

    async def test_a_project_of_this_name_from_elsewhere(self, make_host: MakeHost) -> None:
        """Zero configuration never works on another directory's containers."""
        host, other = make_host(), make_host()
        other.sandbox.compose("up", "-d", "worker")
        confused = PreflightHost(host.sandbox, host.state, names=(other.sandbox.name,))
        error = await confused.refuse(REPAIR)
        assert error.code == "unknown_project"
        assert str(other.sandbox.directory) in error.message


async def _open_journal(host: PreflightHost, run_id: str) -> None:
    result = await host.step.preflight(host._input(REPAIR, {}))
    journal = Journal(
        run_id=run_id, target=result.target, snapshot=result.snapshot, opened_at=datetime.now(UTC)
    )
    host.journals.open(journal)


REFUSED = [
    ("repair worker", "image_only_service"),
    ("rebuild worker", "image_only_service"),
    ("repair wroker", "unknown_service"),
    ("repair the wroker service", "unknown_service"),
    ("repair it", "ambiguous_service"),
    ("sing a song", "unsupported_instruction"),
    ("repair api and worker", "ambiguous_service"),
    ("restart ghost", "image_missing"),
    ("repair inline", "dockerfile_inline"),
    ("repair remote", "build_context_remote"),
    ("repair gone", "build_context_missing"),
]
ZOO = """\
  ghost:
    image: mmt-no-such-image:1
  inline:
    build: {dockerfile_inline: "FROM python:3.13-slim"}
  remote:
    build: https://user:hunter2@git.invalid/x.git
  gone:
    build: ./gone
"""


@pytest.mark.parametrize(("instruction", "code"), REFUSED)
async def test_services_that_cannot_be_helped(make_host: MakeHost, instruction: str, code: str) -> None:
    """SPEC edge case: names are validated upfront, and every refusal says why."""
    error = await make_host(compose=COMPOSE + ZOO).refuse(instruction)
    assert error.code == code
    assert "hunter2" not in str(error)
    if code == "unknown_service":
        assert "did you mean worker?" in error.message
        assert "api, ghost, gone, inline, remote, worker" in error.message


async def test_a_sentence_without_a_name_means_the_only_buildable_service(make_host: MakeHost) -> None:
    """The demo's shortest sentence."""
    assert (await make_host().accept("repair the missing dependency")).target.service == "api"


async def test_image_only_service_may_be_restarted(make_host: MakeHost) -> None:
    """It has an image, and a restart needs no more."""
    host = make_host()
    host.sandbox.compose("up", "-d", "worker")
    result = await host.accept("restart worker")
    assert (result.intent.kind, result.target.build) == (IntentKind.RESTART, None)
    assert result.snapshot.state is ServiceState.RUNNING


async def test_patch_request(make_host: MakeHost) -> None:
    """A supplied patch makes the sentence free."""
    result = await make_host().accept("make it work again", service="api", patch="--- a/x\n+++ b/x\n")
    assert result.intent.kind is IntentKind.OPERATOR_PATCH


async def test_protected_service_needs_a_requester(make_host: MakeHost) -> None:
    """I2: an approver must be known to be somebody else."""
    rules = (
        "    services: {api: {protected: true, approver_roles: [sre]}}\nroles: {sre: [ada]}\n"
        "approvals: {trust: unsigned}\n"
    )
    assert (await make_host().with_policy(_policy(rules)).refuse(REPAIR)).code == "requester_required"


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("projects: [", "policy_invalid"),
        ("projects: {{name}: {workspce: {dir}}}", "policy_invalid"),
        ("projects: {other: {workspace: {dir}}}", "unknown_project"),
        ("projects: {{name}: {workspace: {dir}/none}}", "workspace_missing"),
        ("projects: {{name}: {workspace: {dir}, compose_files: [none.yaml]}}", "compose_files_missing"),
    ],
)
async def test_policies_that_cannot_be_used(make_host: MakeHost, policy: str, code: str) -> None:
    """Refused before Compose is asked for anything."""
    error = await make_host().with_policy(policy).refuse(REPAIR)
    assert error.code == code


async def test_unreadable_policy(make_host: MakeHost, tmp_path: Path) -> None:
    """A policy that is gone never means "no rules"."""
    host = make_host()
    gone = PreflightHost(host.sandbox, host.state, policy=tmp_path / "gone.yaml")
    assert (await gone.refuse(REPAIR)).code == "policy_unreadable"
