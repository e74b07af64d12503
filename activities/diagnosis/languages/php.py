"""PHP's rules: extensions that the image lacks, packages that Composer was not asked for, the PHP release."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages import php_composer
from activities.diagnosis.languages.context_files import context_text, nearest, says
from activities.diagnosis.languages.line_rules import Rule, command_need, from_table, judged, rule
from activities.diagnosis.languages.php_composer import composer_install
from activities.diagnosis.languages.php_extensions import (
    TOOL,
    extension_of_class,
    extension_of_constant,
    extension_of_function,
    extensions_need,
)
from activities.diagnosis.languages.toolchain import first_command, other_image, release_in, tool_image
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_COMPOSER_IMAGE = re.compile(r"(?:^|/)composer(?::|@|$)")


def _function(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """A function that no loaded extension defines, or that this PHP no longer has."""
    name, lines = found[1].lstrip("\\"), (place.line,)
    last = data_file("php.json")["removed"].get(name.lower())
    if last:
        image = tool_image(project, TOOL)
        reason = f"PHP {last} is the last with {name}()"
        if not image or _COMPOSER_IMAGE.search(image):
            return Refusal("php.removed", reason, lines)
        return other_image("php.removed", image, last, lines, reason)
    extension = extension_of_function(name.rsplit("\\", 1)[-1])
    if not extension or says(project, rf"function\s+{re.escape(name)}\s*\(", ".php"):
        return Refusal("php.own_function", f"{name}() is a function of the application itself", lines)
    why = f"{name}() belongs to the extension {extension}, which is not loaded"
    return extensions_need("php.extension", (extension,), place, project, why)


def _constant(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    extension = extension_of_constant(found[1])
    if not extension:
        return None
    why = f"{found[1]} belongs to the extension {extension}, which is not loaded"
    return extensions_need("php.extension", (extension,), place, project, why)


def _class(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """A class: an extension's, a package's, or the project's own."""
    name, lines = found[1].replace("\\\\", "\\").lstrip("\\"), (place.line,)
    extension = extension_of_class(name)
    if extension:
        why = f"the class {name} belongs to the extension {extension}, which is not loaded"
        return extensions_need("php.extension", (extension,), place, project, why)
    package = _package_of(name)
    if package is None or _is_own(name, project):
        return Refusal("php.own_class", f"{name} is a class of the application itself, or not known", lines)
    manifest = nearest(project, "composer.json")
    if f'"{package}"' in ((context_text(project, manifest) or "") if manifest else ""):
        return _not_installed(package, place, project)
    why = f"{name} comes with the package {package}, which composer.json does not require"
    return Need("php.missing_package", FindingKind.ADD_PHP_PACKAGE, (package,), lines, why)


def _package_of(name: str) -> str | None:
    known: dict[str, str] = data_file("php.json")["namespaces"]
    parts = name.split("\\")
    names = ("\\".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((known[prefix] for prefix in names if prefix in known), None)


def _is_own(name: str, project: Project) -> bool:
    space = name.rpartition("\\")[0]
    return bool(space) and bool(says(project, rf"^\s*namespace\s+{re.escape(space)}\s*[;{{]", ".php"))


def _not_installed(package: str, place: Place, project: Project) -> Verdict:
    text = context_text(project, nearest(project, "composer.json")) or ""
    dev = re.search(r'"require-dev"\s*:\s*\{([^}]*)\}', text)
    if dev and f'"{package}"' in dev[1]:
        reason = f"{package} is required for development only, and the image is built without those"
        return Refusal("php.dev_only", reason, (place.line,))
    if not composer_install(project):
        why = f"composer.json requires {package}, and nothing installs what it requires"
        return command_need("php.not_installed", "composer install", place, why)
    if place.phase is Phase.BUILD:
        return Refusal(
            "php.not_installed", f"{package} is required, yet its class is not found", (place.line,)
        )
    why = f"composer.json requires {package}; the image is older than it: build it again"
    return Need("image.older_than_manifest", FindingKind.REBUILD, (), (place.line,), why)


def _driver(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """PDO names no driver in this message; the neighbourhood or the sources do."""
    near = " ".join(line.plain for line in (place.line, *place.before(12), *place.after(12)))
    kinds = {"mysql": r"mysql|mariadb", "pgsql": r"pgsql|postgres", "sqlite": r"sqlite"}
    said = [name for name, words in kinds.items() if re.search(words, near, re.IGNORECASE)]
    used = [name for name in kinds if says(project, rf"['\"=]{name}(?::|['\"\s]|$)", ".php", ".env", ".yaml")]
    driver = (said or used or ["mysql"])[0]
    why = f"PDO has no driver for {driver}"
    return extensions_need("php.pdo_driver", (f"pdo_{driver}",), place, project, why)


def _no_such_extension(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """docker-php-ext-install knows only what ships with PHP; the others come from PECL."""
    name = found[1]
    if name not in data_file("php.json")["pecl"]:
        return Refusal("php.unknown_extension", f"PHP has no extension {name}", (place.line,))
    why = f"{name} does not ship with PHP; it comes from PECL"
    command = f"pecl install {name} && docker-php-ext-enable {name}"
    old = first_command(project, rf"docker-php-ext-install(?:[ \t]+[\w$()-]+)*?[ \t]+{name}(?:[ \t]+[\w-]+)*")
    others = [word for word in old.split() if word != name]
    kept = f"{' '.join(others)} && " if any(re.match(r"\w", word) for word in others[1:]) else ""
    return command_need("php.pecl", f"{kept}{command}", place, why, replaces=old)


def _pecl_version(found: re.Match[str], place: Place, _: Project) -> Verdict:
    """The newest PECL release no longer suits this PHP."""
    name, present = found[1], ".".join(found[2].split(".")[:2])
    version = data_file("php.json")["versions"].get(name, {}).get(present)
    reason = f"the newest {name} does not suit PHP {found[2]}"
    if version is None:
        return Refusal("php.pecl_version", reason, (place.line,))
    command = f"pecl install {name}-{version}"
    why = f"{reason}; {version} is the last release that does"
    return command_need("php.pecl_version", command, place, why, replaces=f"pecl install {name}")


def _older_syntax(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """What PHP 7.4 was the last to read."""
    image = tool_image(project, TOOL, building=place.phase is Phase.BUILD)
    if not image or release_in(image)[:1] == (7,):
        return None
    reason = f"PHP 7.4 is the last that reads this: {found[0]}"
    return other_image("php.older_syntax", image, "7.4", (place.line,), reason)


_NAME = r"[\\\w]+"
_RULES: tuple[Rule, ...] = (
    rule(r"/usr/src/php/ext/(\w+) does not exist", _no_such_extension),
    rule(r"pecl/(\w+) requires PHP \(version .*installed version is (\d+\.\d+\.\d+)", _pecl_version),
    rule(
        r"syntax with curly braces is no longer supported"
        r"|Unparenthesized `a \? b : c \? d : e` is not supported"
        r"|The \((?:real|unset)\) cast|__autoload\(\) is no longer supported",
        _older_syntax,
    ),
    rule(r"could not find driver", _driver),
    rule(rf"Call to undefined function ({_NAME})\(\)", _function),
    rule(r"Undefined (?:class )?constant ['\"]?(\w+(?:::\w+)?)", _constant),
    rule(rf"(?:Class|Interface|Trait) ['\"]({_NAME})['\"] not found", _class),
    *php_composer.RULES,
    *from_table("php", TOOL),
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of PHP, Composer, PECL or a configure script."""
    return judged(_RULES, place, project)


ECOSYSTEM = Ecosystem("php", of_line)
