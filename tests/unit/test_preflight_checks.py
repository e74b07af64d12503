"""The questions preflight asks, each as a table; nothing here needs Docker."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.adapters.compose_model import ComposeModel, ComposeService
from activities.checks.fitness import cautions, refuse_shared_namespace, refuse_unfit
from activities.checks.gate import approval_gate, run_limits, unknown_fields
from activities.checks.permitting import permitted_now
from activities.checks.targeting import buildable, find_service, make_target
from workflows.allow_list import allowed
from workflows.errors import OrchestratorError
from workflows.models.policy import ApprovalPolicy, Limits, Policy, ProjectPolicy, ServicePolicy, Trust
from workflows.models.policy_rules import MaintenanceWindow, Permission
from workflows.models.request import IntentKind, RunRequest
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.target import ComposeProject

K = IntentKind


def _model(*names: str) -> ComposeModel:
    services = {name: ComposeService(name=name, image=f"shop-{name}") for name in names}
    return ComposeModel(name="shop", services=services)


def _snapshot(image_id: str | None) -> ServiceSnapshot:
    return ServiceSnapshot(service="api", image_ref="x", image_id=image_id, taken_at=datetime.now(UTC))


class TestUnknownService:
    """A wrong service name is answered with what could be meant."""

    def test_close_matches_and_the_list(self) -> None:
        """SPEC edge case: an actionable error before anything is touched."""
        with pytest.raises(OrchestratorError) as caught:
            find_service(_model("api", "worker", "redis"), "wroker")
        assert caught.value.code == "unknown_service"
        assert "did you mean worker?" in caught.value.message
        assert "api, redis, worker" in caught.value.message

    def test_case_is_a_close_match(self) -> None:
        """An explicit service is taken literally, and the right case is offered."""
        with pytest.raises(OrchestratorError, match="did you mean api"):
            find_service(_model("api"), "API")

    def test_nothing_close(self) -> None:
        """No far-fetched guesses."""
        with pytest.raises(OrchestratorError) as caught:
            find_service(_model("api"), "zzz")
        assert "did you mean" not in caught.value.message


def test_buildable_services_are_those_with_a_build_section() -> None:
    """An image-only service is no default target."""
    services = {
        "api": ComposeService(name="api", image="a", build_context="/srv/api"),
        "db": ComposeService(name="db", image="b"),
    }
    assert buildable(ComposeModel(name="shop", services=services)) == ("api",)


UNFIT = [
    ({}, K.REPAIR, "image_only_service"),
    ({}, K.REBUILD, "image_only_service"),
    ({}, K.OPERATOR_PATCH, "image_only_service"),
    ({"build_context": "/", "dockerfile_inline": True}, K.REPAIR, "dockerfile_inline"),
    ({"build_context": "https://u:pw@example.org/x.git"}, K.REPAIR, "build_context_remote"),
    ({"build_context": "git@example.org:x.git"}, K.ADD_PACKAGE, "build_context_remote"),
    ({"build_context": "/nosuch/context"}, K.REPAIR, "build_context_missing"),
]


@pytest.mark.parametrize(("facts", "kind", "code"), UNFIT)
def test_unfit_services_are_refused(facts: dict[str, object], kind: IntentKind, code: str) -> None:
    """What has no local sources cannot be patched or built here, and the code says why."""
    service = ComposeService.model_validate({"name": "api", "image": "x", **facts})
    with pytest.raises(OrchestratorError) as caught:
        refuse_unfit(service, kind, _snapshot("sha256:1"))
    assert caught.value.code == code
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("facts", [{}, *[row[0] for row in UNFIT]])
def test_anything_with_an_image_may_be_restarted(facts: dict[str, object]) -> None:
    """A restart needs no sources, only an image."""
    service = ComposeService.model_validate({"name": "api", "image": "x", **facts})
    refuse_unfit(service, K.RESTART, _snapshot("sha256:1"))
    with pytest.raises(OrchestratorError, match="image_missing"):
        refuse_unfit(service, K.RESTART, _snapshot(None))


class TestTarget:
    """Workspace and allow list, with and without a policy."""

    @pytest.fixture
    def call(self, tmp_path: Path) -> ComposeProject:
        """A project in ``tmp_path/shop``."""
        (tmp_path / "shop").mkdir()
        return ComposeProject(name="shop", working_dir=str(tmp_path / "shop"), config_files=())

    def _service(self, context: Path, dockerfile: str = "Dockerfile") -> ComposeService:
        context.mkdir(parents=True, exist_ok=True)
        return ComposeService(
            name="api", image="shop-api", build_context=str(context), dockerfile=dockerfile, scale=2
        )

    def test_zero_configuration(self, tmp_path: Path, call: ComposeProject) -> None:
        """The project directory; Dockerfile and manifests of the service only."""
        target = make_target(
            call, self._service(tmp_path / "shop" / "api"), ProjectPolicy(workspace=call.working_dir),
            implicit=True, replicas=0, config_hash="h",
        )  # fmt: skip
        assert target.workspace == call.working_dir
        assert target.scale == 2
        assert allowed("api/Dockerfile", target.allow)
        assert allowed("api/requirements.txt", target.allow)
        assert not allowed("api/app.py", target.allow)
        assert not allowed("worker/requirements.txt", target.allow)
        assert not allowed("compose.yaml", target.allow)

    def test_zero_configuration_grows_to_the_build_context(
        self, tmp_path: Path, call: ComposeProject
    ) -> None:
        """A context beside the project: the common parent is the workspace, nothing more is allowed."""
        service = self._service(tmp_path / "src" / "api", dockerfile="../docker/api.Dockerfile")
        rules = ProjectPolicy(workspace=call.working_dir)
        target = make_target(call, service, rules, implicit=True, replicas=3, config_hash="")
        assert target.workspace == str(tmp_path)
        assert target.scale == 3
        assert allowed("src/docker/api.Dockerfile", target.allow)
        assert allowed("src/api/requirements.txt", target.allow)
        assert not allowed("shop/requirements.txt", target.allow)

    def test_a_linked_dockerfile_is_allowed_where_it_really_is(
        self, tmp_path: Path, call: ComposeProject
    ) -> None:
        """The allow list speaks of resolved paths (I1)."""
        service = self._service(tmp_path / "shop" / "api")
        (tmp_path / "shop" / "docker").mkdir()
        (tmp_path / "shop" / "docker" / "api.dockerfile").write_text("FROM scratch\n")
        (tmp_path / "shop" / "api" / "Dockerfile").symlink_to("../docker/api.dockerfile")
        rules = ProjectPolicy(workspace=call.working_dir)
        target = make_target(call, service, rules, implicit=True, replicas=0, config_hash="")
        assert allowed("docker/api.dockerfile", target.allow)

    def test_policy_decides(self, tmp_path: Path, call: ComposeProject) -> None:
        """Workspace and allow list as written; an empty list allows nothing."""
        for allow in (("api/only.txt",), ()):
            services = {"api": ServicePolicy(allow=allow)}
            rules = ProjectPolicy(workspace=str(tmp_path), services=services)
            target = make_target(
                call, self._service(tmp_path / "shop" / "api"), rules,
                implicit=False, replicas=1, config_hash="",
            )  # fmt: skip
            assert (target.workspace, target.allow) == (str(tmp_path), allow)

    def test_a_context_outside_the_policys_workspace_allows_nothing(
        self, tmp_path: Path, call: ComposeProject
    ) -> None:
        """The workspace never grows beyond what the operator wrote, and the run says so."""
        service = self._service(tmp_path / "elsewhere")
        rules = ProjectPolicy(workspace=call.working_dir)
        target = make_target(call, service, rules, implicit=False, replicas=1, config_hash="")
        assert target.allow == ()
        assert "outside the workspace" in cautions(service, target)[0]

    def test_develop_watch_is_a_warning(self, tmp_path: Path, call: ComposeProject) -> None:
        """A watcher may rebuild the service while the run works on it."""
        service = self._service(tmp_path / "shop" / "api").model_copy(update={"develop_watch": True})
        rules = ProjectPolicy(workspace=call.working_dir)
        target = make_target(call, service, rules, implicit=True, replicas=1, config_hash="")
        assert [c for c in cautions(service, target) if "develop.watch" in c]


class TestGate:
    """Who must approve is pinned at the start."""

    policy = Policy(
        approvals=ApprovalPolicy(approver_roles=("sre",), quorum=2, time_limit_seconds=60),
        roles={"sre": ("ada", "grace"), "dba": ("ada",)},
        limits=Limits(max_rounds=3),
    )

    def test_identities_carry_their_roles(self) -> None:
        """The gate needs no policy file later on."""
        request = RunRequest(instruction="x", requested_by="eve")
        by_name = self.policy.approvals.model_copy(update={"trust": Trust.UNSIGNED})
        policy = self.policy.model_copy(update={"approvals": by_name})
        gate = approval_gate(policy, ServicePolicy(protected=True), request, "api")
        assert gate.protected
        assert gate.identities == {"ada": ("dba", "sre"), "grace": ("sre",)}
        assert (gate.approver_roles, gate.quorum, gate.time_limit_seconds) == (("sre",), 2, 60)

    def test_who_has_nothing_to_sign_with_cannot_approve_where_approvals_are_signed(self) -> None:
        """So a risky plan ends at once, instead of waiting for an approval that nobody can give."""
        request = RunRequest(instruction="x", requested_by="eve")
        gate = approval_gate(self.policy, ServicePolicy(protected=True), request, "api")
        assert (gate.trust, gate.identities) == (Trust.SIGNED, {})

    def test_unprotected_service_has_an_open_gate(self) -> None:
        """No requester needed, no reason given."""
        gate = approval_gate(self.policy, ServicePolicy(), RunRequest(instruction="x"), "api")
        assert (gate.protected, gate.reasons) == (False, ())

    def test_protected_service_needs_a_requester(self) -> None:
        """Otherwise nobody could tell whether the approver is somebody else (I2)."""
        with pytest.raises(OrchestratorError, match="requester_required"):
            approval_gate(self.policy, ServicePolicy(protected=True), RunRequest(instruction="x"), "api")

    @pytest.mark.parametrize(("asked", "rounds", "warned"), [(None, 3, 0), (3, 3, 0), (1, 1, 0), (9, 3, 1)])
    def test_request_can_only_lower_the_rounds(self, asked: int | None, rounds: int, warned: int) -> None:
        """The policy's limit holds whatever the client sends."""
        limits, warnings = run_limits(self.policy, RunRequest(instruction="x", max_rounds=asked))
        assert (limits.max_rounds, len(warnings)) == (rounds, warned)

    def test_unknown_fields_become_warnings(self) -> None:
        """Reported, not refused."""
        request = RunRequest.model_validate({"instruction": "x", "colour": "red", "a": 1})
        assert unknown_fields(request) == (
            "unknown field 'a' was ignored",
            "unknown field 'colour' was ignored",
        )


NAMESPACES = [
    ({}, False),
    ({"network_mode": "service:api"}, True),
    ({"ipc": "service:api"}, True),
    ({"pid": "service:api"}, True),
    ({"network_mode": "container:shop-api-1"}, True),
    ({"network_mode": "container:other"}, False),
    ({"network_mode": "service:apis"}, False),
    ({"network_mode": "host"}, False),
]


@pytest.mark.parametrize(("facts", "refused"), NAMESPACES)
def test_a_service_in_whose_namespaces_another_lives(facts: dict[str, str], refused: bool) -> None:
    """The other one is named, with what to type for both."""
    side = ComposeService.model_validate({"name": "side", "image": "x", **facts})
    api = ComposeService(name="api", image="y", network_mode="service:side")
    model = ComposeModel(name="shop", services={"api": api, "side": side})
    if not refused:
        refuse_shared_namespace(model, api)
        return
    with pytest.raises(OrchestratorError) as caught:
        refuse_shared_namespace(model, api)
    assert caught.value.code == "shared_namespace"
    assert caught.value.remedy.endswith("docker compose up -d --build api side")


def test_a_plan_is_possible_when_a_change_is_not() -> None:
    """A run that only plans is told what would have stopped it."""
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    window = MaintenanceWindow(start="22:00", end="23:00")
    for permission, begun, code in (
        (Permission(windows=(window,)), (), "outside_maintenance_window"),
        (Permission(repairs_per_day=1), (now,), "circuit_open"),
    ):
        (told,) = permitted_now(permission, begun, now, "api", plan_only=True)
        assert told.startswith("the plan could not be carried out now: ")
        with pytest.raises(OrchestratorError, match=code):
            permitted_now(permission, begun, now, "api", plan_only=False)
    assert permitted_now(Permission(), (now,), now, "api", plan_only=False) == ()
