"""Node's messages for what no manifest edit cures, named so that the true cause is quoted and left alone."""

from __future__ import annotations

import re

from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Refusal

_NPM = r"npm (?:ERR!|error)"
_Cause = tuple[str, re.Pattern[str], str]


def _cause(name: str, reason: str, *patterns: str) -> _Cause:
    return name, re.compile("|".join(patterns)), reason


_CERTAIN: tuple[_Cause, ...] = (
    _cause(
        "private_package",
        "the registry refuses access: a private package without its token",
        rf"{_NPM} (?:code )?E40[13]\b",
        r"40[13] (?:Unauthorized|Forbidden) - (?:GET|PUT)",
        r"Request failed \\?\"40[13]",
        r"ERR_PNPM_FETCH_40[13]",
        r"\bYN0041\b",
    ),
    _cause(
        "heap",
        "the process ran out of its memory limit",
        r"JavaScript heap out of memory|Reached heap limit Allocation failed",
    ),
    _cause(
        "no_package_json",
        "there is no package.json where the package manager runs: its COPY or WORKDIR is the cause",
        r"ENOENT: no such file or directory, open '\S*package\.json'",
        r"Couldn't find a package\.json file in|ERR_PNPM_NO_PKG_MANIFEST|No package\.json (?:was )?found in",
        r"Could not read package\.json: Error: ENOENT",
    ),
    _cause(
        "killed",
        "the process was killed, most likely because it ran out of memory",
        rf"{_NPM} signal SIGKILL|Command failed with signal \"SIGKILL\"",
    ),
    _cause(
        "platform",
        "a package is for another platform only",
        rf"{_NPM} code EBADPLATFORM|{_NPM} notsup Unsupported platform for",
    ),
    _cause(
        "npm_crashed",
        "npm itself ended before its work was done; what stopped it is not in the log",
        rf"{_NPM} (?:cb\(\) never called|Exit handler never called)",
    ),
    _cause(
        "missing_script",
        "package.json has no such script",
        r"[Mm]issing script: ?\W?[\w:-]+|ERR_PNPM_NO_SCRIPT\b",
    ),
    _cause(
        "invalid_elf",
        "a compiled module was built for another platform: node_modules was copied from the host",
        r"\.node: invalid ELF header",
    ),
    _cause(
        "other_abi",
        "a compiled module was built for another Node: node_modules comes from elsewhere",
        r"was compiled against a different Node\.js version",
    ),
    _cause(
        "invalid_json",
        "a JSON file of the project is not well-formed",
        rf"{_NPM} (?:code )?EJSONPARSE|Invalid package config|in JSON at position \d",
    ),
    _cause(
        "not_exported",
        "a package no longer offers the path that is asked for: another release or other code cures it",
        r"ERR_PACKAGE_PATH_NOT_EXPORTED|Package subpath '\S+' is not defined by \"exports\"",
        r"is not exported from package",
    ),
    _cause(
        "no_export",
        "the installed release of a package has no such name",
        r"does not provide an export named|['\"]\S+['\"] is not exported by|error TS(?:2305|2724|2614)\b",
    ),
    _cause(
        "no_setting",
        "an environment variable or a secret is missing",
        r"secretOrPrivateKey must have a value|Config validation error: \"?[A-Z_]+\"? is required",
        r"^PrismaClientInitializationError|Environment variable not found: \w+",
        r"Error: Missing required environment variable",
        r"uri\W+ parameter to \W?openUri\(\)\W? must be a string",
    ),
)
_WEAK: tuple[_Cause, ...] = (
    _cause(
        "type_error",
        "the sources do not pass the type checker",
        r"\berror TS\d{4,5}:|^Type error: |TS\d{4,5}: ",
    ),
    _cause("syntax", "a source file cannot be parsed", r"SyntaxError: |✘ \[ERROR\]|Parsing error: "),
    _cause(
        "thrown",
        "the program threw an error, which is no missing dependency",
        r"^(?:Uncaught )?(?:Type|Reference|Range|Syntax)?Error(?: \[\w+\])?: |UnhandledPromiseRejection",
    ),
    _cause(
        "lifecycle",
        "a script of package.json failed",
        rf"{_NPM} (?:code ELIFECYCLE|command failed)|error Command failed with exit code",
        r"ELIFECYCLE\W+Command failed",
    ),
)
_NODE = re.compile(r"node:internal|node_modules|\.[cm]?[jt]sx?[:(]\d+|\bnpm\b|\byarn\b|\bpnpm\b|Node\.js v\d")


def certain(place: Place, _: Project) -> Refusal | None:
    """The refusal for a cause that only Node's own tools word so."""
    return _first(place, _CERTAIN, weak=False)


def of_line(place: Place, _: Project) -> Refusal | None:
    """A last resort, where the lines around are Node's: yields to all that says more."""
    found = _first(place, _WEAK, weak=True)
    if found is None:
        return None
    around = [*place.before(12), place.line, *place.after(12)]
    return found if any(_NODE.search(line.plain) for line in around) else None


def _first(place: Place, causes: tuple[_Cause, ...], *, weak: bool) -> Refusal | None:
    for name, pattern, reason in causes:
        if pattern.search(place.line.plain):
            return Refusal(f"node.{name}", reason, (place.line,), generic=weak)
    return None
