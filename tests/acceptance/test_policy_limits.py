"""What a policy permits only so often, only at times, or only until an end."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.operator import Operator, Ran
from tests.acceptance.proofs import check_refused, check_succeeded, stand
from tests.acceptance.stacks import broken_shop, compose_file, policy, web_block, web_service
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

CONF_PATCH = """\
--- a/api/conf.ini
+++ b/api/conf.ini
@@ -1 +1 @@
-colour = red
+colour = blue
"""
NOTHING_RISKY = "requires_approval_when: []\n"


@pytest.fixture
def shop(compose_project: ComposeFactory) -> ComposeSandbox:
    """A healthy ``api`` with a file that no default allows to be written."""
    files = {"compose.yaml": compose_file(web_block("api")), "api/conf.ini": "colour = red\n"}
    made = compose_project(files | web_service("api"))
    made.compose("up", "--detach", "--build", "--wait")
    return made


def rule(operator: Operator, shop: ComposeSandbox, *service: str, extra: str = "") -> None:
    """The policy of these tests; waits are long enough for a busy machine."""
    text = policy(shop.name, str(shop.directory), extra_service=service, extra=extra, max_wait_seconds=60)
    operator.write_policy(text)
    checked = operator.command("policy", "check", str(operator.policy))
    assert checked.code == 0, checked.stdout


def override(shop: ComposeSandbox, until: datetime, what: str) -> str:
    """One exception of this project."""
    lines = [f"project: {shop.name}", what, f"until: {until.isoformat()}", "reason: the move", "by: ada"]
    return "overrides:\n  - " + "\n    ".join(lines) + "\n"


def patched(operator: Operator, shop: ComposeSandbox) -> Ran:
    """Ask for the change of ``api/conf.ini``."""
    patch = operator.root / "conf.patch"
    patch.write_text(CONF_PATCH)
    return operator.run_local(shop.directory, "api", "apply", "--patch", str(patch))


def later(**duration: float) -> datetime:
    """From now on."""
    return datetime.now(UTC) + timedelta(**duration)


def test_the_circuit_opens_after_as_many_runs_as_policy_permits(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """Two runs are permitted, the third is refused, an override permits it; a plan is always possible."""
    rule(operator, shop, "repairs_per_day: 2")
    for _ in range(2):
        check_succeeded(operator.run_local(shop.directory, "restart api"), shop)
    before = stand(shop)

    ran = operator.run_local(shop.directory, "restart api")

    record = check_refused(ran, "circuit_open", before, stand(shop))
    assert record.failure is not None
    message = record.failure.message
    assert "2 runs changed service api within 24 hours, 2 are permitted" in message
    again = datetime.strptime(message.rpartition(" at ")[2], "%Y-%m-%d %H:%M:%S UTC.").replace(tzinfo=UTC)
    assert timedelta(hours=23, minutes=30) < again - datetime.now(UTC) < timedelta(hours=24)

    planned = operator.run_local(shop.directory, "restart api", "--plan-only")
    assert planned.record.status is RunStatus.PLANNED
    assert any("could not be carried out now" in warning for warning in planned.record.warnings)

    rule(operator, shop, "repairs_per_day: 2", extra=override(shop, later(hours=1), "repairs_per_day: 3"))
    check_succeeded(operator.run_local(shop.directory, "restart api"), shop)


def window(start: timedelta) -> str:
    """A window of one hour, so far from now, in UTC."""
    opens = datetime.now(UTC) + start
    return f'maintenance_windows: [{{start: "{opens:%H:%M}", end: "{opens + timedelta(hours=1):%H:%M}"}}]'


def test_outside_its_maintenance_windows_a_service_is_left_alone(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Refused with the next opening; planned at any time; repaired in the window, or by an override."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    repair = "repair the missing dependency for the api service"
    rule(operator, shop, window(timedelta(hours=3)))
    before = stand(shop)

    record = check_refused(
        operator.run_local(shop.directory, repair), "outside_maintenance_window", before, stand(shop)
    )

    assert record.failure is not None
    assert f"{later(hours=3):%Y-%m-%d}" in record.failure.message
    planned = operator.run_local(shop.directory, repair, "--plan-only")
    assert (planned.code, planned.record.status) == (0, RunStatus.PLANNED)
    assert any("could not be carried out now" in warning for warning in planned.record.warnings)

    rule(operator, shop, window(timedelta(minutes=-20)))
    check_succeeded(operator.run_local(shop.directory, repair), shop)

    lifted = override(shop, later(hours=1), "ignore_maintenance_windows: true")
    rule(operator, shop, window(timedelta(hours=3)), extra=lifted)
    record = check_succeeded(operator.run_local(shop.directory, "restart api"), shop)
    assert any("lifts the maintenance windows" in warning for warning in record.warnings)


def test_an_override_lets_a_file_be_changed_until_it_ends(shop: ComposeSandbox, operator: Operator) -> None:
    """Refused without it, done with it (and said so with reason and end), refused once it is over."""
    before = stand(shop)
    rule(operator, shop)
    check_refused(patched(operator, shop), "diff_not_allowed", before, stand(shop))

    allow = "allow: [api/*.ini]"
    rule(operator, shop, extra=override(shop, later(seconds=-1), allow))
    record = check_refused(patched(operator, shop), "diff_not_allowed", before, stand(shop))
    assert any("is over since" in warning and "was ignored" in warning for warning in record.warnings)
    noted = operator.command("policy", "check", str(operator.policy))
    assert "note: overrides[0] is over since" in noted.stdout

    rule(operator, shop, extra=override(shop, later(hours=1), allow))
    record = check_succeeded(patched(operator, shop), shop)
    assert shop.read("api/conf.ini") == "colour = blue\n"
    assert any(warning.endswith(": the move") for warning in record.warnings)


def test_an_override_that_ends_while_the_run_waits_no_longer_counts(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """Approved after the end: the plan is made again under the rules as they are now, and refused."""
    people = "approvals: {trust: unsigned, approver_roles: [sre]}\nroles: {sre: [olga, alice]}\n"
    rule(operator, shop, "protected: true", extra=people)
    before = stand(shop)
    patch = operator.root / "conf.patch"
    patch.write_text(CONF_PATCH)
    with operator.dev(shop.directory):
        ends = later(seconds=40)
        rule(operator, shop, "protected: true", extra=people + override(shop, ends, "allow: [api/*.ini]"))
        ran = operator.command("run", "api", "apply", "--patch", str(patch), "--detach", "--json")
        assert ran.code == 3, f"{ran.stdout}\n{ran.stderr}"
        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 0.5)
        approved = operator.command("approve", ran.record.run_id, "--approver", "alice", "--yes")
        assert approved.code == 0, approved.stderr
        watched = operator.command("watch", ran.record.run_id, "--json")
    record = check_refused(watched, "diff_not_allowed", before, stand(shop))
    assert any("an override ended at" in warning for warning in record.warnings)


def test_an_override_never_opens_what_no_rule_can_allow(shop: ComposeSandbox, operator: Operator) -> None:
    """The compose file and version control stay closed, however wide the exception is."""
    shop.write(".git/config", "[core]\n")
    rule(operator, shop, extra=override(shop, later(hours=1), 'allow: ["**", ".git/**", compose.yaml]'))
    before = stand(shop)
    for path, line in ((".git/config", "[core]"), ("compose.yaml", "services:")):
        patch = operator.root / "evil.patch"
        patch.write_text(f"--- a/{path}\n+++ b/{path}\n@@ -1 +1,2 @@\n {line}\n+# changed\n")
        if path == "compose.yaml":
            patch.write_text(f"--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,3 @@\n {line}\n+# changed\n   api:\n")
        ran = operator.run_local(shop.directory, "api", "apply", "--patch", str(patch))
        check_refused(ran, "diff_not_allowed", before, stand(shop))
