"""A command that is not installed: in a build step, as entry point, or called by the program."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from activities.diagnosis.evidence import Phase
from activities.diagnosis.knowledge import command_provider
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.source_tree import read_text
from activities.diagnosis.system.base_images import on_suite
from activities.diagnosis.system.failing_step import commands_in, failing_command, step_lines
from activities.diagnosis.system.files import Holds, is_preferred, package_of
from activities.diagnosis.system.needs import Site, packages_need, site_of, with_compiler
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_NAME = r"[\w.+-]+"
_QUOTE = "['\"`\u2018\u2019]"
_MISSING = re.compile(
    rf"exec: \\*\"(?P<a>{_NAME})\\*\": executable file not found in \$PATH"
    rf"|(?:^|/)(?:ba|da|a|z|k)?sh: (?:(?:line )?\d+: )?(?:exec: )?(?P<b>{_NAME}): (?:command )?not found$"
    rf"|^(?:/usr/bin/)?env: {_QUOTE}?(?P<c>{_NAME}){_QUOTE}?: No such file"
    rf"|: exec: line \d+: (?P<d>{_NAME}): not found$"
    rf"|: (?:line )?\d+: (?:\S+: )?(?P<e>{_NAME}): (?:command )?not found$"
    rf"|^(?:make(?:\[\d+\])?|sudo|xargs|nice|nohup|time|timeout): (?P<f>{_NAME}): (?:[Cc]ommand not|No such)"
    rf"|^\s*(?:\S+: )?(?P<g>{_NAME}): command not found$"
    rf"|(?:spawn|spawnSync) (?P<h>{_NAME}) ENOENT"
    rf"|No such file or directory - (?P<i>{_NAME})$"
    rf"|Can't exec \"(?P<j>{_NAME})\": No such file"
    rf"|Cannot run program \"(?P<k>{_NAME})\""
    rf"|\(child\): (?P<l>{_NAME}): Cannot exec"
    rf"|(?:cannot run|(?:unable|failed) to (?:execute|run)) {_QUOTE}?(?P<m>{_NAME}){_QUOTE}?: No such"
    rf"|No such file or directory: ['\"](?P<n>{_NAME})['\"]$"
    rf"|exec: \\*\"/(?:usr/)?(?:local/)?bin/(?P<o>bash|zsh|ash|ksh)\\*\": (?:stat|no such file)"
    rf"|/bin/sh: (?:\d+: )?/(?:usr/)?bin/(?P<p>bash|zsh|ksh|python3?|perl|node): not found"
    rf"|^(?P<q>{_NAME}): not found$"
    rf"|env: can't execute '(?P<r>{_NAME})'"
)
_LOOSE = frozenset("hijkmn")
"""Groups whose messages may speak of a data file as well: only commands that a person put on record count."""
_SCRIPT = re.compile(
    r"exec (?P<a>/[\w./-]+): no such file or directory|exec: \"(?P<b>\.?/[\w./-]+)\": .*no such file"
    r"|/bin/sh: (?:\d+: )?(?P<c>\.?/?[\w./-]+\.sh): not found|^standard_init_linux.*no such file"
)
_NO_TRUST = re.compile(
    r"unable to get local issuer certificate|error setting certificate verify locations|CAfile: none"
    r"|Problem with the SSL CA cert|failed to load system roots|certificate signed by unknown authority"
    r"|[Uu]nable to locally verify the issuer|no certificate authorities|SSL_ERROR_UNTRUSTED"
    r"|Can't load CA certificate|ca-certificates\.crt: No such file"
)
_OWN_TRUST = re.compile(
    r"/v2/|source metadata|failed to do request|\bnpm\b|\byarn\b|\bpip\b|SSLError|\bconda\b|self.signed"
)
"""Docker itself, or a tool that brings its own certificates: those of the image are not asked."""
_ALONGSIDE = re.compile(
    r"^(?:curl|wget|git|gpg|apt-key|unzip|xz|bzip2|zip|make|gcc|g\+\+|cmake|sudo|add-apt-repository|jq|autoconf"
    r"|automake|pkg-config|patch|file|rsync|python3)$"
)
"""Commands that a bare Debian lacks: where the failing step calls several of them, all are missing."""
_BUSYBOX = frozenset({"wget", "unzip", "xz", "bzip2", "patch"})
_OWN_NAME = {"apt-key": "gpg"}
_WITH_CERTIFICATES = re.compile(r"(?:^|/)(?:python|ruby|golang|php|pypy|uv):")
"""Slim images that bring the certificates along."""
_COMPILING = frozenset({"cmake", "make", "autoreconf", "autoconf"})
_OTHERS = "belongs to another distribution than this image's"
_BASH = "is a word of bash, and another shell runs this step"
_NOT_INSTALLABLE = {
    **dict.fromkeys(("apt-get", "apt", "apk", "yum", "dnf", "microdnf", "zypper", "pacman"), _OTHERS),
    **dict.fromkeys(("source", "pushd", "popd", "shopt", "declare", "let", "function", "select"), _BASH),
    "apt-key": "is not in this release any more",
}
_OLD_RELEASES = frozenset({"jessie", "stretch", "buster", "trusty", "xenial", "bionic"})


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line that says that a command, an interpreter or the certificates are missing."""
    return _trust(place, project) or _missing(place, project) or _interpreter(place, project)


def _missing(place: Place, project: Project) -> Verdict | None:
    text = place.line.plain
    if "gnupg1 do not seem to be installed" in text:
        return _command_need("gpg", place, project)
    found = _MISSING.search(text)
    if found is None or found.lastgroup is None:
        return None
    command = found[found.lastgroup].removesuffix(":")
    if found.lastgroup in _LOOSE and not is_preferred(Holds.COMMAND, command):
        return None
    return _command_need(command, place, project)


def command_packages(command: str, site: Site) -> tuple[str, ...]:
    """The packages that bring a command to this image; empty where that is not certain."""
    if command == "python" and site.manager == "apt":
        return ("python",) if site.release in _OLD_RELEASES else ("python3", "python-is-python3")
    if command in ("gcc", "cc") and site.manager == "apt":
        return ("gcc", "libc6-dev")
    return package_of(Holds.COMMAND, command, site.manager, site.release)


def _command_need(command: str, place: Place, project: Project) -> Verdict:
    if command in _NOT_INSTALLABLE:
        return _not_installable(command, place, project)
    what = f"the command {command!r} is not installed"
    provider = command_provider(command)
    if provider is not None:
        why = f"{what}; the distribution {provider.name} brings it"
        rule = "python.command_not_found"
        return Need(rule, FindingKind.ADD_PYTHON_PACKAGE, (provider.name,), (place.line,), why)
    site = site_of(place, project)
    packages = command_packages(command, site)
    if not _is_certain(command, packages, place):
        reason = f"{what}, and which package brings it is not known for certain"
        return Refusal("system.unknown_command", reason, (place.line,))
    if place.phase is not Phase.BUILD:
        return packages_need("command_not_found", packages, place, what, site)
    more = list(_alongside(command, place, site))
    wanted = [*packages, *(name for other in more for name in command_packages(other, site))]
    if command in _COMPILING:
        wanted = list(with_compiler(wanted, site))
    wanted += _certificates(place, site, {command, *more})
    said = f"{what}, nor are {', '.join(more)}, which the same step calls" if more else what
    return packages_need("command_not_found", wanted, place, said, site)


def _not_installable(command: str, place: Place, project: Project) -> Verdict:
    site = site_of(place, project)
    older = on_suite(site.image, "bookworm") if command == "apt-key" else None
    if older:
        why = f"apt-key left Debian with trixie, and the image's tag moves; {older} still has it"
        kind = FindingKind.CHANGE_BASE_IMAGE
        return Need("build.apt_key", kind, (older,), (place.line,), why, replaces=site.image)
    reason = f"{command!r} {_NOT_INSTALLABLE[command]}"
    return Refusal("decline.not_installable", reason, (place.line,))


def _is_certain(command: str, packages: tuple[str, ...], place: Place) -> bool:
    """Thousands of packages hold some command of that name; one is meant where more than the name says so."""
    if is_preferred(Holds.COMMAND, command) or command in packages:
        return bool(packages)
    called = {words.texts[0] for words in commands_in(failing_command(place))}
    return bool(packages) and (command in called or packages[0].startswith(command))


def _alongside(command: str, place: Place, site: Site) -> Iterable[str]:
    """Other commands that the same step lacks: the log says so, or the base image is known to be bare."""
    named = [
        m[m.lastgroup] for line in step_lines(place) if (m := _MISSING.search(line.plain)) and m.lastgroup
    ]
    if site.is_bare:
        texts = (c.texts for c in commands_in(failing_command(place)))
        named += [_OWN_NAME.get(words[0], words[0]) for words in texts if _ALONGSIDE.match(words[0])]
    present = site.installed | (_BUSYBOX if site.manager == "apk" else set())
    for name in dict.fromkeys(named):
        packages = command_packages(name, site)
        if name != command and name not in present and packages and not set(packages) <= present:
            yield name


def _certificates(place: Place, site: Site, commands: set[str]) -> list[str]:
    """curl and wget come without certificates where recommended packages are left out."""
    wanted = commands & {"curl", "wget", "git"} and "https://" in failing_command(place)
    bare = site.is_bare and site.manager == "apt" and not _WITH_CERTIFICATES.search(site.image)
    return ["ca-certificates"] if wanted and bare and "ca-certificates" not in site.installed else []


def _trust(place: Place, project: Project) -> Verdict | None:
    if not _NO_TRUST.search(place.line.plain):
        return None
    what, site = "the image has no certificates to check another host's by", site_of(place, project)
    has_them = "ca-certificates" in site.installed or _WITH_CERTIFICATES.search(site.image)
    if site.is_bare and not has_them and not _OWN_TRUST.search(place.line.plain):
        return packages_need("certificates", ("ca-certificates",), place, what, site)
    reason = "another host's certificate is not trusted by this image"
    return Refusal("decline.certificate", reason, (place.line,))


def _interpreter(place: Place, project: Project) -> Verdict | None:
    """A script that is there, but whose first line names an interpreter that is not."""
    found = _SCRIPT.search(place.line.plain)
    if found is None:
        return None
    path = next((value for value in found.groups() if value), "")
    script = _in_context(path, project)
    if script is None:
        reason = f"{path or 'the entry point'} or the interpreter it names is not in the image"
        return Refusal("decline.missing_file", reason, (place.line,))
    first = script.split("\n", 1)[0]
    if first.endswith("\r"):
        reason = f"{path} has Windows line ends, so its interpreter's name ends in a carriage return"
        return Refusal("decline.line_ends", reason, (place.line,))
    interpreter = re.match(r"#!\s*(?:\S*/env\s+)?(?:\S*/)?([\w.+-]+)", first)
    if interpreter is None or interpreter[1] == "sh":
        return Refusal("decline.missing_file", f"{path} is not where the image looks for it", (place.line,))
    what = f"{path} is run by {interpreter[1]!r}, which is not installed"
    site = site_of(place, project)
    return packages_need("interpreter", command_packages(interpreter[1], site), place, what, site)


def _in_context(path: str, project: Project) -> str | None:
    """The text of the only file of the build context that bears this name."""
    if project.context is None or not path:
        return None
    found: list[Path] = [p for p in project.context.rglob(Path(path).name) if p.is_file()]
    return read_text(found[0]) if len(found) == 1 else None
