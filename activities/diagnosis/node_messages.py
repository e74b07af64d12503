"""Messages of frameworks that name the package they want, in words of their own."""

from __future__ import annotations

import re

from activities.diagnosis.node_knowledge import is_known
from activities.diagnosis.node_packages import add_package, missing_package, name_in
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Verdict

_P = r"(@?[\w.-]+(?:/[\w.-]+)?)"
_NAMED: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (name, re.compile(pattern), replacement)
    for name, pattern, replacement in (
        ("nest_package", rf"The \"{_P}\" package is missing\. Please, make sure to install", ""),
        ("install_manually", rf"Please install {_P} package manually", ""),
        (
            "typeorm_driver",
            rf"package has not been found installed\. (?:Please run|Try to install it:) \W?npm install {_P}",
            "",
        ),
        ("vite_terser", r"(terser) not found\. Since Vite v3", ""),
        ("vite_optional", rf"Failed to load {_P}\. (?:Please )?[Mm]ake sure it(?:'s| is) installed", ""),
        ("sass", r"To import Sass files, you first need to install (node-sass|sass)", ""),
        ("pino_target", rf"unable to determine transport target for \"{_P}\"", ""),
        ("babel_preset", rf"Couldn't find preset \"{_P}\" relative to directory", "babel-preset-"),
        ("babel_plugin", rf"Unknown plugin \"{_P}\" specified in", "babel-plugin-"),
        (
            "eslint_config",
            r"ESLint couldn't find the config \"([\w.-]+)(?:/[\w.-]+)?\" to extend from",
            "eslint-config-",
        ),
        ("eslint_scoped", rf"ESLint couldn't find the (?:config|plugin) \"{_P}\"", ""),
        ("eslint_plugin", rf"Failed to load plugin '\S+' declared in .*Cannot find module '{_P}'", ""),
        ("jest_environment", r"[Tt]est environment (jest-environment-[\w-]+) cannot be found", ""),
        ("jest_preset", rf"Preset {_P} not found", ""),
        (
            "jest_part",
            rf"Module {_P} in the (?:transform|testRunner|setupFiles\w*|reporters|preset) option was not found",
            "",
        ),
        ("postcss_plugin", rf"Loading PostCSS [Pp]lugin failed: Cannot find module '{_P}'", ""),
        ("gatsby_plugin", rf"Unable to find plugin \"{_P}\"", ""),
        ("vue_cli_dependency", r"To install (?:it|them), you can run: npm install --save (\S.*)$", ""),
        ("storybook", rf"Please install {_P} (?:in your project|as a (?:dev)?dependency)", ""),
        ("knex", r"^\$ npm install ([\w-]+) --save$", ""),
        (
            "please_install_quoted",
            r"[Pp]lease (?:manually )?(?:run |install )(?:`?npm install (?:--save(?:-dev)? |-D )?)?[`'\"]"
            + _P
            + r"[`'\"]",
            "",
        ),
        ("next_packages", rf"Please install {_P}(?:, {_P})*(?: and {_P})? by running", ""),
        (
            "next_packages",
            r"^\s*(?:npm install|npm i|yarn add|pnpm add|pnpm install)(?: --save-dev| --dev| -D)+ ((?:@?[\w./-]+ ?)+)$",
            "",
        ),
        (
            "try_install",
            r"(?:Try|need to|must|Please|please|should)(?: to)?(?: install it)?:?(?: run)?:? [`'\"]?(?:npm (?:i|install)|yarn add)(?: --save(?:-dev)?| -[DS])* "
            + _P
            + r"(?: --save(?:-dev)?)?[`'\"]?",
            "",
        ),
    )
)
_GLOBAL = re.compile(
    r"npm notice|npm (?:i|install) (?:\S+ )*(?:-g|--global)\b|\bnpm@|(?:upgrade|update) (?:npm|to)"
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on a line that asks for packages by name; names the knowledge has not are left alone."""
    text = place.line.plain
    if (
        "install" not in text
        and "find" not in text
        and "found" not in text
        and "target" not in text
        and (" add " not in text and "plugin" not in text and "load" not in text)
    ):
        return None
    if _GLOBAL.search(text):
        return None
    for rule, pattern, prefix in _NAMED:
        found = pattern.search(text)
        if found is None:
            continue
        names = [name_in(word) for group in found.groups() if group for word in group.split()]
        full = tuple(dict.fromkeys(_full(name, prefix) for name in names if name))
        if full and all(is_known(name) for name in full):
            return _wanted(full, rule, place, project)
    return None


def _full(name: str, prefix: str) -> str:
    """`es2015` with `babel-preset-`; a name that has it, or a scope, is whole."""
    whole = not prefix or name.startswith((prefix, "@"))
    return name if whole else prefix + name


def _wanted(names: tuple[str, ...], rule: str, place: Place, project: Project) -> Verdict:
    if len(names) == 1:
        return missing_package(names[0], "", place, project)
    why = f"the tool itself asks for {', '.join(names)}"
    return add_package(names, f"node.{rule}", why, (place.line,), project)
