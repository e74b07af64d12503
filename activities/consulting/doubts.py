"""Why a person should look before a package is installed: the supply-chain guard's lines. Pure.

A line begins with the policy's risk rule that it falls under, so that the plan step can tell which of
them the policy wants an approval for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from activities.consulting.answers import PackageAnswer
from workflows.models.policy_rules import RiskRule


@dataclass(frozen=True)
class AgeLimit:
    """How old a package must be, and what time it is."""

    days: int
    """0 for no limit."""
    now: datetime
    """With a time zone."""


def doubts_of(
    name: str,
    answer: PackageAnswer | None,
    *,
    near: str,
    known: bool,
    limit: AgeLimit,
) -> tuple[str, ...]:
    """The lines for one package: its age, its name, and whether anybody here knows it.

    Args:
        name: as its index compares names.
        answer: what the index says; None where it was not reached.
        near: the well-known name that it could be mistaken for; '' for none.
        known: whether the knowledge base has the name.
        limit: younger packages are doubtful.
    """
    lines = []
    age = (limit.now - answer.first_uploaded).days if answer and answer.first_uploaded else None
    if age is not None and age < limit.days:
        lines.append(
            f"{RiskRule.YOUNG_PACKAGE}: {name} first appeared {age} day(s) ago, {limit.days} are asked for"
        )
    if known:
        return tuple(lines)
    if near:
        lines.append(f"{RiskRule.SIMILAR_NAME}: {name} is easily taken for the well-known {near}")
    lines.append(f"{RiskRule.UNKNOWN_PACKAGE}: the knowledge base does not have {name}")
    return tuple(lines)
