"""Composer's rules: what it asks of the image, and what it is asked to do in the wrong place or order."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages.line_rules import Rule, command_need, rule
from activities.diagnosis.languages.php_extensions import TOOL, extensions_need
from activities.diagnosis.languages.php_versions import release_for
from activities.diagnosis.languages.toolchain import (
    first_command,
    manager_for,
    other_image,
    stage_name,
    tool_image,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_EXTENSION = re.compile(
    r"requires? (?:PHP extension )?ext-([\w-]+)|requested PHP extension ([\w-]+) is missing"
    r"|requires PHP extension ([\w-]+)"
)
_COMPOSER_IMAGE = re.compile(r"(?:^|/)composer(?::|@|$)")
_COMPOSER = re.compile(r"composer(?:\.phar)? (?:install|update|create-project)\b(?:[ \t]+-[\w=-]+)*")


def composer_install(project: Project) -> str:
    """The Composer install of the Dockerfile as written, '' where there is none."""
    return first_command(project, _COMPOSER.pattern)


def _autoload(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """vendor/ is missing: Composer never ran, or what it made was hidden or left behind."""
    if composer_install(project):
        reason = (
            "Composer ran, but vendor/ is not where the program runs: a mount hides it, or no COPY brings it"
        )
        return Refusal("php.vendor_hidden", reason, (place.line,))
    return command_need(
        "php.no_vendor", "composer install", place, "vendor/ is missing: Composer was never run"
    )


def _platform(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """Composer refuses packages for extensions that its PHP lacks; all that it names at once."""
    names: list[str] = []
    for line in (*place.before(80), place.line, *place.after(80)):
        if re.search(r"missing from your system|is missing|requires? (?:PHP extension )?ext-", line.plain):
            names += [next(g for g in m.groups() if g) for m in _EXTENSION.finditer(line.plain)]
    wanted = tuple(dict.fromkeys(names)) or (next(g for g in found.groups() if g),)
    old = composer_install(project)
    if _COMPOSER_IMAGE.search(tool_image(project, TOOL)) and old:
        why = f"Composer's own image lacks {', '.join(wanted)}; the image that runs the program decides"
        new = f"{old} --ignore-platform-reqs"
        return command_need("php.composer_platform", new, place, why, replaces=old)
    why = f"Composer asks for the extension {', '.join(wanted)}"
    return extensions_need("php.extension", wanted, place, project, why)


def _php_version(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """Composer's packages want another PHP than the image has."""
    pattern, present = found.re, found["have"]
    near = (*place.before(80), place.line, *place.after(80))
    asked = [match["want"] for line in near if (match := pattern.search(line.plain))]
    constraint = " and ".join(dict.fromkeys(asked))
    image = tool_image(project, TOOL)
    reason = f"the packages require PHP {constraint}, and the image has {present}"
    old = composer_install(project)
    if _COMPOSER_IMAGE.search(image) and old:
        new = f"{old} --ignore-platform-reqs"
        return command_need("php.composer_platform", new, place, reason, replaces=old)
    wanted = release_for(tuple(asked), present)
    if not image or not wanted or wanted == ".".join(present.split(".")[:2]):
        return Refusal("php.version", reason, (place.line,))
    return other_image("php.version", image, wanted, (place.line,), reason)


def _unzip(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    manager = manager_for(project, TOOL)
    if manager not in ("apt", "apk"):
        return None
    near = " ".join(line.plain for line in (*place.before(30), *place.after(30)))
    names = ("git", "unzip") if "git was not found" in near or "git: not found" in near else ("unzip",)
    why = "Composer unpacks packages with unzip, or fetches them with git, and the image has neither"
    kind, stage = FindingKind.ADD_SYSTEM_PACKAGE, stage_name(project, TOOL, place)
    return Need("build.php_unzip", kind, names, (place.line,), why, stage=stage)


def _no_composer(_: re.Match[str], place: Place, project: Project) -> Verdict:
    why = "Composer is not installed in the image"
    if tool_image(project, TOOL) or project.facts is None:  # the distribution's would bring a second PHP
        advice = "take it from its own image: COPY --from=composer:2 /usr/bin/composer /usr/local/bin/"
        return Refusal("php.no_composer", f"{why}; {advice}", (place.line,))
    name = "build.php_composer"
    kind, stage = FindingKind.ADD_SYSTEM_PACKAGE, stage_name(project, TOOL, place)
    return Need(name, kind, ("composer",), (place.line,), why, stage=stage)


def _artisan(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """Composer's scripts call the application before its files are copied."""
    old = composer_install(project)
    if place.phase is not Phase.BUILD or not old or "--no-scripts" in old:
        return None
    why = "Composer's scripts call the application, whose files are copied only later"
    return command_need("php.scripts", f"{old} --no-scripts", place, why, replaces=old)


def _composer_memory(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    old = composer_install(project)
    if "composer" not in place.line.plain or "COMPOSER_MEMORY_LIMIT" in old:
        return None
    new = f"COMPOSER_MEMORY_LIMIT=-1 {old or 'composer install'}"
    return command_need(
        "php.composer_memory", new, place, "Composer ran out of its memory limit", replaces=old
    )


RULES: tuple[Rule, ...] = (
    rule(_EXTENSION.pattern, _platform),
    rule(
        r"requires? (?:a )?(?:php|PHP version) "
        r"\"?(?P<want>[\^~<>=!\d][^\"]*?)\"?(?: ->| but|\. You are running) "
        r"(?:[Yy]our (?:php|PHP) version \()?(?P<have>\d+\.\d+\.\d+)",
        _php_version,
    ),
    rule(
        r"vendor/autoload\.php.*(?:[Ff]ailed to open stream|Failed opening)"
        r"|Failed opening required '\S*vendor/autoload"
        r"|Please run ['\"`]?composer install|Composer autoloader.*not found",
        _autoload,
    ),
    rule(r"unzip(?:/7z)? commands? (?:are|is) (?:both )?missing|zip extension and unzip", _unzip),
    rule(r"\bcomposer: (?:command )?not found$|exec: \"composer\": executable", _no_composer),
    rule(r"Could not open input file: (?:\./)?(?:artisan|bin/console)", _artisan),
    rule(r"Allowed memory size of \d+ bytes exhausted.*", _composer_memory),
)
"""Tried in order, between the other rules of PHP."""
