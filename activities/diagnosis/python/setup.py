"""What a setup script lacks: it must be there before the install that runs the script begins."""

from __future__ import annotations

import re
from dataclasses import replace

from activities.diagnosis.evidence import Phase
from activities.diagnosis.python.builds import is_isolated
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests.python_edits import BUILD_FIRST
from workflows.models.finding import FindingKind

_NEAR = 60
_SETUP = re.compile(
    r"setup\.py egg_info|/pip-(?:install|build|req-build)-|Preparing metadata|error in \S+ setup command"
)


def in_build(verdict: Verdict, place: Place) -> Verdict:
    """The verdict on a missing module, seen as what pip was building when it was missing.

    A script that pip runs in the image itself finds what an earlier step installed. One that pip runs in an
    environment of its own does not, and only a newer release that declares its needs can help it.
    """
    if place.phase is not Phase.BUILD or not isinstance(verdict, Need):
        return verdict
    if verdict.kind is not FindingKind.ADD_PYTHON_PACKAGE:
        return verdict
    near = [*place.before(_NEAR), place.line, *place.after(_NEAR // 3)]
    if is_isolated(near):
        what = ", ".join(verdict.names)
        reason = (
            f"a package needs {what} to be built and does not say so; pip builds it where {what} is not seen"
        )
        return Refusal("python.isolated_build", reason, verdict.lines)
    if any(_SETUP.search(line.plain) for line in near):
        return replace(verdict, rule=BUILD_FIRST)
    return verdict
