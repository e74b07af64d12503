"""Node's messages for what no manifest edit cures, named so that the true cause is quoted and left alone."""

from __future__ import annotations

import re

from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Refusal

_CAUSES: tuple[tuple[str, str, str, bool], ...] = (
    ("private_package", r"npm (?:ERR!|error) (?:code )?E40[13]\b|40[13] (?:Unauthorized|Forbidden) - (?:GET|PUT)|Request failed \\?\"40[13]|ERR_PNPM_FETCH_40[13]|YN0041",
     "the registry refuses access: a private package without its token", False),
    ("heap", r"JavaScript heap out of memory|Reached heap limit Allocation failed", "the process ran out of its memory limit", False),
    ("no_package_json", r"ENOENT: no such file or directory, open '\S*package\.json'|Couldn't find a package\.json file in|ERR_PNPM_NO_PKG_MANIFEST|No package\.json (?:was )?found in|ENOENT.*Could not read package\.json",
     "there is no package.json where the package manager runs: its COPY or the working directory is the cause", False),
    ("missing_script", r"[Mm]issing script: ?\W?([\w:-]+)|ERR_PNPM_NO_SCRIPT\b|Command \"\S+\" not found\. Did you mean", "package.json has no such script", False),
    ("refused", r"\bconnect ECONNREFUSED\b|\bgetaddrinfo (?:ENOTFOUND|EAI_AGAIN)\b|\bECONNRESET\b|\bETIMEDOUT\b|ERR_SOCKET_TIMEOUT|\bEAI_AGAIN\b", "a host cannot be reached", False),
    ("port_in_use", r"\bEADDRINUSE\b", "the port is in use already", False),
    ("permission", r"\bEACCES\b|\bEPERM\b", "access to a file or port is denied", False),
    ("disk_full", r"\bENOSPC\b", "the disk is full, or the number of watched files is at its limit", False),
    ("invalid_elf", r"invalid ELF header|Exec format error", "a compiled module was built for another platform: node_modules was copied from the host", False),
    ("other_abi", r"was compiled against a different Node\.js version", "a compiled module was built for another Node: node_modules comes from elsewhere", False),
    ("invalid_json", r"npm (?:ERR!|error) (?:code )?EJSONPARSE|Invalid package config|Unexpected token .* in JSON at position", "a JSON file of the project is not well-formed", False),
    ("not_exported", r"ERR_PACKAGE_PATH_NOT_EXPORTED|Package subpath '\S+' is not defined by \"exports\"|is not exported from package",
     "a package no longer offers the path that is asked for: another release of it, or of what asks, is the cure", False),
    ("no_export", r"does not provide an export named|is not exported by|has no exported member|TS2305|TS2724",
     "the installed release of a package has no such name", False),
    ("type_error", r"error TS\d{4,5}:|^Type error: |TypeScript error in", "the sources do not pass the type checker", True),
    ("environment", r"(?:[Mm]issing|[Rr]equired|[Uu]ndefined) (?:required )?env(?:ironment)?(?: variables?)?\b|[Ee]nvironment variable .{1,60}(?:not set|missing|required|not found|not defined|undefined)|secretOrPrivateKey must have a value|Config validation error",
     "an environment variable or a secret is missing", False),
    ("rejected", r"Authentication failed|password authentication failed|Invalid API key|ER_ACCESS_DENIED_ERROR|MongoServerError: bad auth", "credentials are refused", False),
    ("syntax", r"^(?:\w+: )?SyntaxError: |✘ \[ERROR\] (?:Unexpected|Expected)|Parsing error: ", "a source file cannot be parsed", True),
    ("thrown", r"^(?:Uncaught )?(?:Type|Reference|Range)Error: |^\[?Error: |UnhandledPromiseRejection", "the program threw an error, which is no missing dependency", True),
    ("lifecycle", r"npm (?:ERR!|error) (?:code ELIFECYCLE|command failed)|error Command failed with exit code|ELIFECYCLE\W+Command failed", "a script of package.json failed", True),
)  # fmt: skip
_COMPILED = tuple((name, re.compile(pattern), reason, weak) for name, pattern, reason, weak in _CAUSES)


def of_line(place: Place, _: Project) -> Refusal | None:
    """The refusal for a known cause; weak ones yield to anything that says more in the same build step."""
    text = place.line.plain
    for name, pattern, reason, weak in _COMPILED:
        found = pattern.search(text)
        if found:
            return Refusal(f"node.{name}", reason, (place.line,), generic=weak)
    return None
