"""Messages of frameworks that name the package they want, in words of their own."""

from __future__ import annotations

import re

from activities.diagnosis.node.images import node_image
from activities.diagnosis.node.knowledge import is_known
from activities.diagnosis.node.packages import missing_package, name_in
from activities.diagnosis.node.present import add_package
from activities.diagnosis.node.project import package_json_for
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Verdict

_P = r"(@?[\w.-]+(?:/[\w.-]+)?)"
_NPM = r"(?:npm (?:i|install)|yarn add|pnpm (?:add|install))"
_SAVE = r"(?: --save(?:-dev)?| -[DS]| --dev)"
_NAMED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), prefix)
    for pattern, prefix in (
        (rf"The \"{_P}\" package is missing\. Please, make sure to install", ""),  # Nest
        (rf"Please install {_P} package manually", ""),  # Sequelize
        (
            rf"has not been found installed\. (?:Please run|Try to install it:) \W?npm install {_P}",
            "",
        ),  # TypeORM
        (r"(terser) not found\. Since Vite v3", ""),
        (r"To import Sass files, you first need to install (node-sass|sass)", ""),
        (rf"unable to determine transport target for \"{_P}\"", ""),  # pino
        (rf"Couldn't find preset \"{_P}\" relative to directory", "babel-preset-"),
        (rf"Unknown plugin \"{_P}\" specified in", "babel-plugin-"),
        (r"ESLint couldn't find the config \"([\w.-]+)(?:/[\w.-]+)?\" to extend from", "eslint-config-"),
        (rf"ESLint couldn't find the (?:config|plugin) \"{_P}\"", ""),
        (r"[Tt]est environment (jest-environment-[\w-]+) cannot be found", ""),
        (
            rf"Module {_P} in the (?:transform|testRunner|setupFiles\w*|preset) option was not found",
            "",
        ),
        (rf"Unable to find plugin \"{_P}\"", ""),  # Gatsby
        (r"To install (?:it|them), you can run: npm install --save (\S.*)$", ""),  # Vue CLI
        (r"^\$ npm install ([\w-]+) --save$", ""),  # Knex
        (r"Please install ([\w@/., -]+?) by running", ""),  # Next
        (rf"to install the CLI via \"\w+ \w+ -D {_P}\"", ""),  # webpack
        (rf"Could not find the '{_P}:[\w-]+' builder's node package", ""),  # Angular
        (rf"Could not find module \"{_P}\" from \"", ""),
        (r"Local (gulp) not found in|Unable to find local (grunt)\b", ""),
        (rf"^\s*{_NPM}{_SAVE}+ ([\w@./ -]+)$", ""),
        (
            r"(?:Try|need to|must|lease|should)(?: to)?(?: run)?:? [`'\"]?"
            rf"{_NPM}{_SAVE}* {_P}{_SAVE}?[`'\"]?",
            "",
        ),
    )
)
_ANY_LANGUAGE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), "")
    for pattern in (
        rf"Failed to load {_P}\. (?:Please )?[Mm]ake sure it(?:'s| is) installed",
        rf"Preset {_P} not found",
        rf"[Pp]lease (?:manually )?install [`'\"]{_P}[`'\"]",
    )
)
"""Words that libraries of other languages use as well."""
_NODE = re.compile(r"node_modules|node:internal|npm (?:ERR!|error)|\.[cm]?[jt]sx?:\d+|yarn run v|^> \S+@\d")
_WORDS = re.compile(r"install|found|find|target|plugin|Failed to load")
_GLOBAL = re.compile(
    r"npm notice|npm (?:i|install) (?:\S+ )*(?:-g|--global)\b|\bnpm@|(?:upgrade|update) (?:npm|to)"
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on a line that asks for packages by name; names the knowledge has not are left alone."""
    text = place.line.plain
    if not _WORDS.search(text) or _GLOBAL.search(text):
        return None
    for pattern, prefix in (*_NAMED, *(_ANY_LANGUAGE if _is_node(place, project) else ())):
        found = pattern.search(text)
        names = _names(found, prefix) if found else ()
        if names and all(is_known(name) for name in names):
            return _wanted(names, place, project)
    return None


def _is_node(place: Place, project: Project) -> bool:
    """Whether project, image or the lines around are Node's."""
    around = [*place.before(30), *place.after(30)]
    seen = package_json_for(project) is not None or bool(node_image(project))
    return seen or any(_NODE.search(line.plain) for line in around)


def _names(found: re.Match[str], prefix: str) -> tuple[str, ...]:
    """`es2015` with `babel-preset-`; a name that has the prefix, or a scope, is whole."""
    said = (word for group in found.groups() if group for word in re.split(r"[, ]+", group))
    words = (name_in(word) for word in said if word not in ("and", "or"))
    whole = (w if not prefix or w.startswith((prefix, "@")) else prefix + w for w in words if w)
    return tuple(dict.fromkeys(whole))


def _wanted(names: tuple[str, ...], place: Place, project: Project) -> Verdict:
    if len(names) == 1:
        return missing_package(names[0], "", place, project)
    why = f"the tool itself asks for {', '.join(names)}"
    return add_package(names, "node.asked_for", why, (place.line,), project)
