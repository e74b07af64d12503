"""The operating system's rules: packages, commands, headers, base images and the build context."""

from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.system import (
    build_context,
    commands,
    headers,
    images,
    libraries,
    package_managers,
)
from activities.diagnosis.verdicts import Verdict

_RULES = (
    libraries.of_line,
    package_managers.of_line,
    images.of_line,
    commands.of_line,
    headers.of_line,
    build_context.of_line,
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict of the first rule that knows the line."""
    return next((verdict for rule in _RULES if (verdict := rule(place, project))), None)


ECOSYSTEM = Ecosystem("system", of_line)
