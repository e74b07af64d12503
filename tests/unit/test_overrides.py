"""Exceptions of a policy: whom they concern, until when, and that they only ever widen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workflows.models.policy import Limits, Policy, ProjectPolicy, ServicePolicy
from workflows.models.policy_rules import MaintenanceWindow, Override, Permission
from workflows.overrides import expired, expired_notes, granted

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = MaintenanceWindow(start="22:00", end="04:00")


def override(**fields: Any) -> Override:
    """An exception for an hour."""
    given = {"project": "shop", "until": NOW + timedelta(hours=1), "reason": "the move", "by": "ada"}
    return Override.model_validate(given | fields)


def policy(*overrides: Override, budget: int | None = None, own: int | None = None) -> Policy:
    """``shop`` with a window, and these exceptions."""
    api = ServicePolicy(repairs_per_day=own)
    shop = ProjectPolicy(workspace="/srv/shop", maintenance_windows=(WINDOW,), services={"api": api})
    return Policy(projects={"shop": shop}, overrides=overrides, limits=Limits(repairs_per_day=budget))


def permission(rules: Policy, service: str = "api") -> Permission:
    """What is pinned for a run."""
    return granted(rules, "shop", service, rules.projects["shop"], NOW).permission


BUDGETS = [
    (None, None, (), None),
    (5, None, (), 5),
    (5, 2, (), 2),
    (None, 2, (), 2),
    (5, None, (8,), 8),
    (5, None, (8, 9), 9),
    (5, None, (3,), 5),  # never narrower
    (None, None, (3,), None),
]


@pytest.mark.parametrize(("general", "own", "widened", "permitted"), BUDGETS)
def test_the_budget_of_a_service(
    general: int | None, own: int | None, widened: tuple[int, ...], permitted: int | None
) -> None:
    """Its own before the general one, and the widest exception over both."""
    exceptions = [override(repairs_per_day=number) for number in widened]
    assert permission(policy(*exceptions, budget=general, own=own)).repairs_per_day == permitted


@pytest.mark.parametrize(
    ("fields", "lifted"),
    [
        ({}, True),
        ({"service": "api"}, True),
        ({"service": "worker"}, False),
        ({"project": "other"}, False),
        ({"until": NOW}, False),
        ({"until": NOW - timedelta(seconds=1)}, False),
    ],
)
def test_whom_an_exception_concerns(fields: dict[str, Any], lifted: bool) -> None:
    """The project, the service or all of them, until its end and no longer."""
    now = permission(policy(override(ignore_maintenance_windows=True, **fields)))
    assert now.windows == (() if lifted else (WINDOW,))
    assert (now.valid_until is not None) is lifted


def test_a_services_own_windows_replace_the_projects() -> None:
    """Also an empty list does: this service may be changed at any time."""
    shop = policy().projects["shop"]
    api = ServicePolicy(maintenance_windows=())
    rules = Policy(projects={"shop": shop.model_copy(update={"services": {"api": api}})})
    assert permission(rules).windows == ()
    assert permission(rules, "worker").windows == (WINDOW,)


def test_what_an_exception_does_is_said_with_reason_and_end() -> None:
    """Used or over, the run's record tells."""
    over = override(until=NOW - timedelta(days=1), repairs_per_day=9, reason="last week")
    used = override(allow=["conf/*.toml", "x"], ignore_maintenance_windows=True)
    given = granted(policy(over, used), "shop", "api", policy().projects["shop"], NOW)
    assert given.widened == ("conf/*.toml", "x")
    ignored, told = given.warnings
    assert "is over since 2026-03-01 12:00+00:00 and was ignored: last week" in ignored
    assert "ada allows conf/*.toml, x and lifts the maintenance windows until 2026-03-02 13:00" in told
    assert told.endswith(": the move")
    assert given.permission.valid_until == used.until


def test_a_run_rests_on_the_exception_that_ends_first() -> None:
    """And is told when it is over."""
    first, last = override(allow=["x"]), override(allow=["y"], until=NOW + timedelta(hours=9))
    resting = permission(policy(last, first))
    assert resting.valid_until == first.until
    assert expired(resting, NOW) == ()
    assert expired(resting, first.until) == ("an override ended at 2026-03-02 13:00+00:00",)
    assert expired(Permission(), NOW) == ()


def test_only_those_that_are_over_are_noted() -> None:
    """``policy check`` names their place in the file."""
    notes = expired_notes((override(), override(until=NOW)), NOW)
    assert [note.partition(" ")[0] for note in notes] == ["overrides[1]"]
