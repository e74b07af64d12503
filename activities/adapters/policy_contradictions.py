"""What can be wrong between the lines of a policy: windows, exceptions and risk rules that cannot work."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

from workflows.models.policy import Policy, ProjectPolicy, ServicePolicy
from workflows.models.policy_rules import MaintenanceWindow, Override, Weekday

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One fault at a place of the policy, and what would be valid there."""

    location: Location
    problem: str
    valid: str


def contradictions_of_rules(policy: Policy) -> Iterator[Contradiction]:
    """Everything that the schema alone cannot see."""
    for name, project in policy.projects.items():
        place: Location = ("projects", name)
        yield from _windows(project.maintenance_windows, place)
        for service, rules in project.services.items():
            yield from _windows(rules.maintenance_windows or (), (*place, "services", service))
            yield from _risk_rules(policy, rules, (*place, "services", service))
    yield from _risk_rules(policy, policy, ())
    for index, override in enumerate(policy.overrides):
        yield from _override(policy, override, ("overrides", index))


def close_to(word: str, known: Sequence[str]) -> str:
    """``, did you mean 'x'?`` where something similar is known, else nothing."""
    lowered = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f", did you mean {lowered[found[0]]!r}?" if found else ""


def _windows(windows: Sequence[MaintenanceWindow], place: Location) -> Iterator[Contradiction]:
    for index, window in enumerate(windows):
        if not window.days:
            where = (*place, "maintenance_windows", index, "days")
            yield Contradiction(where, "the window opens on no day", f"a list of {', '.join(Weekday)}")
        if not _is_zone(window.timezone):
            hint = close_to(window.timezone, sorted(available_timezones()))
            yield Contradiction(
                (*place, "maintenance_windows", index, "timezone"),
                f"time zone {window.timezone!r} is not known here{hint}",
                "a name of the time zone database, such as Europe/Berlin, or UTC",
            )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name, or a directory of the database
        return False
    return True


def _risk_rules(policy: Policy, holder: Policy | ServicePolicy, place: Location) -> Iterator[Contradiction]:
    """Rules that somebody wrote down; the default ones stand in every policy, also without approvers."""
    rules = holder.requires_approval_when
    if not rules or "requires_approval_when" not in holder.model_fields_set:
        return
    roles = policy.roles_for(holder if isinstance(holder, ServicePolicy) else ServicePolicy())
    people = {who for role in roles or policy.roles for who in policy.roles.get(role, ())}
    if len(people) < policy.approvals.quorum:
        yield Contradiction(
            (*place, "requires_approval_when"),
            f"{len(people)} people can approve, but quorum is {policy.approvals.quorum}",
            "people in the roles that may approve, or an empty list",
        )
    for index, rule in enumerate(rules):
        if rule in rules[:index]:
            yield Contradiction(
                (*place, "requires_approval_when", index), f"{rule} is in the list twice", "each rule once"
            )


def _override(policy: Policy, override: Override, place: Location) -> Iterator[Contradiction]:
    if not (override.allow or override.repairs_per_day or override.ignore_maintenance_windows):
        what = "allow, repairs_per_day or ignore_maintenance_windows"
        yield Contradiction(place, "the override changes nothing", f"at least one of {what}")
    project = policy.projects.get(override.project)
    if project is None:
        known = sorted(policy.projects)
        problem = f"project {override.project!r} is not in this policy{close_to(override.project, known)}"
        yield Contradiction((*place, "project"), problem, ", ".join(known))
        return
    if override.service is not None and override.service not in project.services:
        known = sorted(project.services)
        problem = (
            f"service {override.service!r} has no rules under project {override.project}"
            f"{close_to(override.service, known)}"
        )
        yield Contradiction((*place, "service"), problem, ", ".join(known) or "no service key")
        return
    yield from _idle(policy, override, project, place)


def _idle(
    policy: Policy, override: Override, project: ProjectPolicy, place: Location
) -> Iterator[Contradiction]:
    """A budget that is not wider than the rule: whoever wrote it expects something else."""
    own = project.services.get(override.service or "", ServicePolicy())
    budget, wanted = own.repairs_per_day or policy.limits.repairs_per_day, override.repairs_per_day
    if budget is not None and wanted is not None and wanted <= budget:
        yield Contradiction(
            (*place, "repairs_per_day"),
            f"{wanted} is not more than the {budget} that are permitted without it",
            "a larger number; an override only widens",
        )
