"""Which manifests the image really installs from, followed from the Dockerfile into the build context."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from activities.diagnosis.source_tree import read_text
from activities.manifests import dockerfile, requirements
from activities.manifests.dockerfile_facts import CopySource, DockerfileFacts, Installed
from activities.manifests.editors import ManifestEditor, editor_for
from activities.manifests.errors import ManifestError
from activities.manifests.installers import PipInstall

_DEVELOPMENT = re.compile(r"(?:^|[-_./])(?:dev|test|tests|lint|docs?|ci|local)(?:$|[-_./])", re.IGNORECASE)

_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
"""Where `pip install .` finds what the project needs, the one that decides first."""
_LOCKING_TOOLS = {"poetry": "pyproject.toml", "uv": "pyproject.toml", "pipenv": "Pipfile"}
"""Installers that keep a lock file, and the manifest beside it."""


@dataclass(frozen=True)
class Manifests:
    """The answer: one manifest to edit, or the reason why there is none, and what is declared anyway."""

    target: str = ""
    """Relative to the context; `Dockerfile` packages have the Dockerfile itself as target."""
    in_dockerfile: bool = False
    """True where `pip install a b` in the Dockerfile is the only list of packages."""
    refusal: str = ""
    declared: frozenset[str] = frozenset()
    """Canonical names of everything the image's installs ask for."""
    markers: tuple[tuple[str, str], ...] = ()
    """(canonical name, marker) of requirements that apply under a condition only."""
    note: str = ""
    """Something the operator should know about the target, such as that it is compiled."""
    files: tuple[str, ...] = ()
    """Every manifest that was read, includes last, relative to the context."""
    nothing: bool = False
    """True where the image installs nothing with pip, so there is no list of packages at all."""
    complete: bool = True
    """False where an install could not be followed to its file, so `declared` may lack names."""


def locate_manifests(context: Path, facts: DockerfileFacts | None) -> Manifests:
    """Follows every pip install that the built stage needs back to its file."""
    if facts is None or not facts.stages:
        return _by_convention(context)
    paths: list[str] = []
    lost: list[str] = []
    hashed = False
    for site in facts.pip_installs():
        found, missing = _files_of(context, facts, site)
        paths += found
        lost += missing
        hashed = hashed or (isinstance(site.what, PipInstall) and site.what.require_hashes)
    unique = list(dict.fromkeys(paths))
    declared, markers, unread, read = _declared(context, unique)
    declared |= dockerfile.pip_packages(facts)
    complete = not (lost or unread or facts.locked_tools())
    everything = Manifests(
        declared=frozenset(declared), markers=tuple(markers), files=read, complete=complete
    )
    refusal = "the requirements are hash-checked" if hashed else ""
    if lost and not unique and not refusal:
        note = f"{lost[0]} was not found in the build context"
        return replace(everything, target=posixpath.normpath(lost[0].lstrip("/")), note=note)
    return _choose(context, facts, unique, everything, refusal)


def _choose(
    context: Path, facts: DockerfileFacts, paths: list[str], known: Manifests, refusal: str
) -> Manifests:
    """The first manifest that is no development extra; the Dockerfile where it lists packages itself."""
    editable = [path for path in paths if editor_for(path)]
    serving = [path for path in editable if not _DEVELOPMENT.search(path)] or editable
    if refusal:
        return replace(known, refusal=refusal)
    if serving:
        return replace(known, target=serving[0], note=_note(context, serving[0]))
    beside = [_LOCKING_TOOLS[tool] for tool in facts.locked_tools() if tool in _LOCKING_TOOLS]
    if beside and _editable(context, beside[0]):
        names, markers, _, read = _declared(context, beside[:1])
        every = (*known.markers, *markers)
        return replace(known, target=beside[0], declared=known.declared | names, markers=every, files=read)
    if dockerfile.pip_packages(facts):
        return replace(known, in_dockerfile=True)
    tools = facts.locked_tools()
    if tools:
        reason = f"{tools[0]} installs from a lock file, which {tools[0]} itself must resolve again"
    elif paths:
        reason = f"{paths[0]} is no manifest this tool can edit"
    else:
        reason = "the Dockerfile installs no Python packages from a manifest in the build context"
    return replace(known, refusal=reason, nothing=not (tools or paths))


def _editable(context: Path, path: str) -> bool:
    """Whether it lists packages in a form that its editor knows; the plan renews the lock file beside it."""
    text, editor = read_text(context / path), editor_for(path)
    try:
        return text is not None and editor is not None and editor.add(text, "a-name-to-try") != text
    except ManifestError:
        return False


def _by_convention(context: Path) -> Manifests:
    """Without a Dockerfile nothing says what is installed: the manifest at the top, or its usual name."""
    for name in ("requirements.txt", "pyproject.toml", "Pipfile"):
        if read_text(context / name) is not None:
            declared, markers, unread, read = _declared(context, [name])
            known = Manifests(name, declared=frozenset(declared), markers=tuple(markers), files=read)
            return replace(known, note=_note(context, name), complete=not unread)
    return Manifests(target="requirements.txt", complete=False)


def _files_of(context: Path, facts: DockerfileFacts, site: Installed) -> tuple[list[str], list[str]]:
    """(files in the context, paths that could not be followed) of one pip install."""
    if not isinstance(site.what, PipInstall):
        return [], []
    wanted = [[path] for path in site.what.requirements]
    for project in site.what.projects:
        folder = project.split("[", 1)[0]
        if not re.search(r"\.(?:whl|zip|tar\.gz|tgz)$", folder):
            wanted.append([posixpath.join(folder, name) for name in _PROJECT_FILES])
    found: list[str] = []
    lost: list[str] = []
    for paths in wanted:
        sources = [source for path in paths if (source := _source_of(context, facts, site, path))]
        speaking = [source for source in sources if _speaks(context, source)] or sources
        (found if speaking else lost).append(speaking[0] if speaking else paths[0])
    return found, lost


def _speaks(context: Path, path: str) -> bool:
    """Whether a project file says what the project needs; a pyproject.toml may only name the build tool."""
    if not path.endswith("pyproject.toml"):
        return True
    return bool(re.search(r"^\[(?:project|tool\.poetry)", read_text(context / path) or "", re.MULTILINE))


def _source_of(context: Path, facts: DockerfileFacts, site: Installed, path: str) -> str | None:
    """Where in the context the file `path` inside the image was copied from."""
    inside = posixpath.normpath(posixpath.join(site.workdir, path))
    stages = facts.chain(site.stage)
    before = [c for c in facts.copies if c.stage in stages and not c.from_stage and c.line <= site.line]
    for copy in reversed(before):
        for source in copy.sources:
            candidate = _through(context, copy, source, inside)
            if candidate and read_text(context / candidate) is not None:
                return candidate
    return None


def _through(context: Path, copy: CopySource, source: str, inside: str) -> str | None:
    """The context path that this copy puts at `inside`, if it can."""
    plain = posixpath.normpath(source.lstrip("/")) if source.strip("/") else "."
    if plain.startswith(".."):
        return None
    destination = copy.destination.rstrip("/") or "/"
    under = "" if inside == destination else inside.removeprefix(destination.rstrip("/") + "/")
    if under.startswith("/"):
        return None
    if any(mark in plain for mark in "*?["):
        matches = sorted(path.relative_to(context).as_posix() for path in context.glob(plain))
        return next((m for m in matches if PurePosixPath(m).name == under), None)
    if (context / plain).is_dir():
        return posixpath.normpath(posixpath.join(plain, under)) if under else None
    if not under:
        return plain
    return plain if under == PurePosixPath(plain).name else None


def _declared(
    context: Path, paths: list[str]
) -> tuple[set[str], list[tuple[str, str]], bool, tuple[str, ...]]:
    """(names, conditional names, whether a file could not be read, all files), includes followed."""
    names: set[str] = set()
    markers: list[tuple[str, str]] = []
    unread = False
    todo, seen = list(paths), dict[str, None]()
    while todo:
        path = todo.pop(0)
        if path in seen:
            continue
        if path.endswith(".py"):
            unread = True
            continue
        seen[path] = None
        text = read_text(context / path)
        # What pip reads with -r is a requirements file whatever its name.
        editor: ManifestEditor = editor_for(path) or requirements
        try:
            if text is None:
                raise ManifestError(f"{path} cannot be read")
            here = editor.declared(text)
            names |= here
            found = ((name, editor.requirement_of(text, name)) for name in sorted(here))
            markers += [(name, str(req.marker)) for name, req in found if req and req.marker]
            todo += _includes(path, text) if editor is requirements else []
        except ManifestError:
            unread = True
    return names, markers, unread, tuple(seen)


def _includes(path: str, text: str) -> list[str]:
    constraints = requirements.constraint_files(text)
    targets = [target for target in requirements.includes(text) if target not in constraints]
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) for target in targets]


def _note(context: Path, path: str) -> str:
    text = read_text(context / path) or ""
    header = requirements.generated_by(text) if path.endswith(".txt") else ""
    return (
        f"{path} says it is generated ({header.lstrip('# ')}): add it to the source file too"
        if header
        else ""
    )
