"""PHP extensions: which one defines a name, and how an image gets it."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages.line_rules import command_need
from activities.diagnosis.languages.toolchain import Tool, first_command, manager_for, stage_name, tool_image
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

TOOL = Tool(
    r"(?:^|/)(?:php|wordpress|drupal|phpmyadmin|composer)(?::|@|$)",
    r"\b(?:composer|php|pecl|docker-php-ext-\w+)\b(?! --version)",
)
_COMPOSER_RUNS = r"composer(?:\.phar)? (?:install|update)\b"
_PREFIXED = re.compile(r"^(php\d*(?:\.\d+)?)(?:-|$)")


def extension_of_function(name: str) -> str:
    """The extension that defines a function; the longest known prefix of its name decides."""
    return _longest("functions", name.lower().lstrip("\\"))


def extension_of_class(name: str) -> str:
    """The extension that defines a class, '' where none is known to."""
    found: str = data_file("php.json")["classes"].get(name.lstrip("\\"), "")
    return found


def extension_of_constant(name: str) -> str:
    """The extension that defines a constant, by its prefix."""
    return _longest("constants", name.lstrip("\\"))


def _longest(key: str, name: str) -> str:
    known: dict[str, str] = data_file("php.json")[key]
    prefixes = sorted((prefix for prefix in known if name.startswith(prefix)), key=len)
    return known[prefixes[-1]] if prefixes else ""


def extensions_need(
    identity: str, extensions: tuple[str, ...], place: Place, project: Project, why: str
) -> Verdict:
    """How the image gets these extensions: its own helper script, PECL, or the distribution's packages."""
    known = [name.lower() for name in dict.fromkeys(extensions)]
    named, lines = ", ".join(known), (place.line,)
    if _is_php_image(project):
        command = _command(known)
        if not command:
            return Refusal(identity, f"{why}; how {named} is installed is not known", lines)
        reason = f"{why}; `{command}` builds it into the image"
        return command_need(identity, command, place, reason, ahead_of=first_command(project, _COMPOSER_RUNS))
    manager = manager_for(project, TOOL, building=place.phase is Phase.BUILD)
    packages = _packages(known, manager, project)
    if not packages:
        return Refusal(identity, f"{why}; the package for {manager or 'this image'} is not known", lines)
    reason = f"{why}; {', '.join(packages)} of {manager} bring it"
    kind, stage = FindingKind.ADD_SYSTEM_PACKAGE, stage_name(project, TOOL, place)
    return Need(f"system.{identity}", kind, packages, lines, reason, stage=stage)


def _is_php_image(project: Project) -> bool:
    """The official image, by name; assumed where neither Dockerfile nor image say anything."""
    if _prefix(project, default=""):
        return False
    if tool_image(project, TOOL):
        return True
    return project.facts is None and not project.base_image


def _command(extensions: list[str]) -> str:
    core = [name for name in extensions if name in data_file("php.json")["core"]]
    pecl = [name for name in extensions if name in data_file("php.json")["pecl"]]
    if len(core) + len(pecl) != len(extensions):
        return ""
    parts = [f"docker-php-ext-install {' '.join(core)}"] if core else []
    if pecl:
        parts += [f"pecl install {' '.join(pecl)}", f"docker-php-ext-enable {' '.join(pecl)}"]
    return " && ".join(parts)


def _packages(extensions: list[str], manager: str, project: Project) -> tuple[str, ...]:
    """`php8.2-mysql`, `php83-mysqli`: with the prefix that the Dockerfile already installs PHP under."""
    suffixes: dict[str, str] = data_file("php.json").get(manager, {}) if manager in ("apt", "apk") else {}
    if any(name not in suffixes for name in extensions):
        return ()
    prefix = _prefix(project)
    return tuple(dict.fromkeys(f"{prefix}-{suffixes[name]}" for name in extensions))


def _prefix(project: Project, default: str = "php") -> str:
    """What the names of the distribution's PHP packages begin with in this Dockerfile."""
    facts = project.facts
    installed = facts.system_packages(facts.target) if facts and facts.stages else set()
    found = [match[1] for name in sorted(installed) if (match := _PREFIXED.match(name))]
    return max(found, key=len, default=default)
