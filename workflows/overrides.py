"""Which exceptions of a policy count now, and what they make of the rules: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workflows.models.policy import Policy, ProjectPolicy, ServicePolicy
from workflows.models.policy_rules import Override, Permission


@dataclass(frozen=True)
class Granted:
    """What a run on one service may do, exceptions included."""

    permission: Permission
    widened: tuple[str, ...] = ()
    """Globs that the exceptions add to the allow list."""
    warnings: tuple[str, ...] = ()


def granted(policy: Policy, project: str, service: str, rules: ProjectPolicy, now: datetime) -> Granted:
    """The rules for one service, widened by the exceptions that count now.

    An exception is only ever wider than the rule: a smaller budget does not narrow it.
    """
    own = rules.services.get(service, ServicePolicy())
    mine = [override for override in policy.overrides if _concerns(override, project, service)]
    active = [override for override in mine if override.until > now]
    windows = rules.maintenance_windows if own.maintenance_windows is None else own.maintenance_windows
    lifted = any(override.ignore_maintenance_windows for override in active)
    permission = Permission(
        repairs_per_day=_widest(own.repairs_per_day or policy.limits.repairs_per_day, active),
        windows=() if lifted else windows,
        valid_until=min((override.until for override in active), default=None),
    )
    return Granted(
        permission=permission,
        widened=tuple(dict.fromkeys(glob for override in active for glob in override.allow)),
        warnings=tuple(_used(override) if override in active else _ignored(override) for override in mine),
    )


def expired(permission: Permission, now: datetime) -> tuple[str, ...]:
    """What ended meanwhile of that on which a run rests; empty where it still holds."""
    until = permission.valid_until
    return (f"an override ended at {moment(until)}",) if until is not None and until <= now else ()


def expired_notes(overrides: Sequence[Override], now: datetime) -> tuple[str, ...]:
    """One line per exception that is over: valid, and of no effect."""
    return tuple(
        f"overrides[{index}] is over since {moment(override.until)} and no longer counts; take it out"
        for index, override in enumerate(overrides)
        if override.until <= now
    )


def moment(instant: datetime) -> str:
    """An instant as the policy's messages write it, with its zone."""
    return instant.isoformat(sep=" ", timespec="minutes")


def _concerns(override: Override, project: str, service: str) -> bool:
    return override.project == project and override.service in {None, service}


def _widest(budget: int | None, active: Iterable[Override]) -> int | None:
    if budget is None:
        return None
    return max([budget, *(o.repairs_per_day for o in active if o.repairs_per_day is not None)])


def _used(override: Override) -> str:
    what = [f"allows {', '.join(override.allow)}"] if override.allow else []
    if override.repairs_per_day is not None:
        what.append(f"permits {override.repairs_per_day} repairs per day")
    if override.ignore_maintenance_windows:
        what.append("lifts the maintenance windows")
    said = " and ".join(what) or "changes nothing"
    return f"an override by {override.by} {said} until {moment(override.until)}: {override.reason}"


def _ignored(override: Override) -> str:
    return (
        f"an override by {override.by} is over since {moment(override.until)} and was ignored: "
        f"{override.reason}"
    )
