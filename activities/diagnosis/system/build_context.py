"""A file that the Dockerfile copies or runs, and the build context does not have."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase

from activities.diagnosis.evidence import Phase
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.source_tree import ignore_rules, is_ignored
from activities.diagnosis.verdicts import Refusal

_NOT_COPIED = re.compile(
    r"\"/?(?P<a>[^\"]+)\": not found"
    r"|(?:COPY|ADD) failed: (?:file not found in build context or excluded by \.dockerignore: )?"
    r"(?:stat |lstat )?(?P<b>[^\s:]+):? (?:file does not exist|no such file|not found)"
    r"|failed to (?:compute cache key|calculate checksum of ref \S+).*?\"/?(?P<c>[^\"]+)\""
    r"|lstat (?P<d>\S+): no such file or directory"
    r"|(?P<e>no source files were specified)"
)
_TEMPORARY = re.compile(r"^.*?/(?:docker-builder|tmp[\w.-]*)\w*/")


def of_line(place: Place, project: Project) -> Refusal | None:
    """The refusal for a COPY or ADD whose source is missing; says why it is, where the context shows it."""
    if place.phase is not Phase.BUILD:
        return None
    found = _NOT_COPIED.search(place.line.plain)
    if found is None or "manifest" in place.line.plain or "failed to GET" in place.line.plain:
        return None
    named = next((value for value in (found["a"], found["b"], found["c"], found["d"]) if value), "")
    path = _TEMPORARY.sub("", named).lstrip("/")
    what = f"the Dockerfile copies {path or 'files'}, which the build context does not have"
    return Refusal("decline.build_context", what + _why(path, project), (place.line,))


def _why(path: str, project: Project) -> str:
    context = project.context
    if context is None or not path:
        return ""
    if (context / path).exists():
        rules = ignore_rules(context / ".dockerignore")
        return ": .dockerignore leaves it out" if is_ignored(path, rules) else ""
    name = posixpath.basename(path)
    others = sorted(p.relative_to(context).as_posix() for p in context.rglob(name))[:3] if name else []
    if others:
        return f"; there is {', '.join(others)}"
    alike = [p.name for p in context.iterdir() if fnmatchcase(p.name.lower(), name.lower())]
    return f"; there is {alike[0]}, spelt otherwise" if alike else ""
