"""Requirements that contradict each other, where the resolver itself says which pin is in the way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.releases import specifier_of, version_of
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

RULE = "python.version_conflict"
_START = re.compile(
    r"The conflict is caused by:|Cannot install .* because these package versions have conflicting"
)
_END = re.compile(r"ResolutionImpossible|these package versions have conflicting dependencies")
_LOOK_BACK = 40
_REQUESTED = re.compile(
    r"^\s*The user requested (?:\(constraint\) )?"
    r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?P<spec>[<>=!~].*)?$"
)
_DEPENDS = re.compile(
    r"^\s*(?P<by>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])? (?P<version>\d\S*) depends on "
    r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?P<spec>\(?[<>=!~].*|)$"
)


@dataclass(frozen=True)
class _Asked:
    """One line of the resolver's account; `by` is '' for the manifest itself."""

    name: str
    spec: SpecifierSet
    by: str
    log: LogLine


def of_line(place: Place, _: Project) -> Verdict | None:
    """The verdict on `ResolutionImpossible`, None on any other line."""
    if not _END.search(place.line.plain):
        return None
    asked = _account([*place.before(_LOOK_BACK), *place.after(_LOOK_BACK // 2)])
    lines = (*(one.log for one in asked), place.line)
    names = {canonicalize_name(one.name) for one in asked}
    pins = [one for one in asked if not one.by]
    needs = [one for one in asked if one.by]
    if len(names) != 1 or not pins or not needs:
        return Refusal(
            RULE, "the requirements contradict each other; which one to give up is not proven", lines[-5:]
        )
    combined = SpecifierSet(",".join(str(one.spec) for one in needs))
    if not _satisfiable(combined, needs):
        by = " and ".join(dict.fromkeys(one.by for one in needs))
        return Refusal(RULE, f"{by} need {pins[0].name} in releases that exclude each other", lines[-5:])
    asked_for = f"{pins[0].name}{pins[0].spec}"
    why = f"the manifest asks for {asked_for}, but {needs[0].by} needs {pins[0].name}{combined}"
    kind = FindingKind.CHANGE_PYTHON_VERSION_PIN
    return Need(RULE, kind, (pins[0].name,), lines[:5], why, str(combined))


def _account(lines: Iterable[LogLine]) -> list[_Asked]:
    """The lines below the last `The conflict is caused by`."""
    found: list[_Asked] = []
    for line in lines:
        if "The conflict is caused by" in line.plain:
            found = []
        for pattern in (_REQUESTED, _DEPENDS):
            match = pattern.match(line.plain)
            spec = specifier_of((match["spec"] or "").split(";")[0]) if match else None
            if match and spec is not None:
                by = f"{match['by']} {match['version']}" if "by" in match.groupdict() else ""
                found.append(_Asked(match["name"], spec, by, line))
    return found


def _satisfiable(combined: SpecifierSet, needs: list[_Asked]) -> bool:
    """Whether some release fits: tried on the bounds themselves and just beside them."""
    bounds = [
        v for one in needs for clause in one.spec if (v := version_of(clause.version.replace(".*", ".0")))
    ]
    return not bounds or any(combined.contains(v, prereleases=True) for b in bounds for v in _beside(b))


def _beside(bound: Version) -> list[Version]:
    release = (*bound.release, 0, 0)[:3]
    texts = [str(bound), f"{release[0]}.{release[1]}.{release[2] + 1}", f"{release[0]}.{release[1] + 1}"]
    if release[1]:
        texts.append(f"{release[0]}.{release[1] - 1}.99")
    if release[0]:
        texts.append(f"{release[0] - 1}.99")
    return [Version(text) for text in texts]
