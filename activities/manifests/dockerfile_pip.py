"""Dockerfiles: the packages that `pip install a b` names, changed in place, and a `pip install` put first.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from activities.manifests.dockerfile_facts import DockerfileFacts, Installed
from activities.manifests.dockerfile_reader import parse
from activities.manifests.errors import ManifestError
from activities.manifests.installers import PipInstall
from activities.manifests.names import canonical, clauses, pinned, wanted
from activities.manifests.requirement_text import name_in, renamed, with_extras, with_version
from activities.manifests.shell_words import Word

_PYTHON_IMAGE = re.compile(r"(?:^|/)(?:python|pypy)(?:[:@]|$)")
_ENDS = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK", "USER", "EXPOSE"})


def pin(text: str, name: str, version: str, *, target: str | None = None) -> str:
    """The text with another version of a package that a `pip install` names.

    A package that none names, such as setuptools, is pinned by an install that comes before the first one.
    Raises ManifestError where there is no place for that.
    """
    specifier = clauses(pinned(version))
    if not _words(parse(text, target), name):
        return install_first(text, f"{name}{specifier}", target=target)
    return _changed(text, name, target, lambda word: with_version(word, specifier))


def rename(text: str, old: str, new: str, *, target: str | None = None) -> str:
    """The text with `old` installed under the name `new`; raises ManifestError where none names it."""
    return _changed(text, old, target, lambda word: renamed(word, new))


def replace(text: str, old: str, new: str, specifier: str, *, target: str | None = None) -> str:
    """The text with another distribution in the place of `old`, whose version means nothing to it."""
    return _changed(text, old, target, lambda word: with_version(renamed(word, new), specifier))


def add_extras(text: str, name: str, extras: frozenset[str], *, target: str | None = None) -> str:
    """The text with further extras of a package; raises ManifestError where no `pip install` names it."""
    return _changed(text, name, target, lambda word: with_extras(word, extras))


def remove(text: str, name: str, *, target: str | None = None) -> str:
    """The text without a package; raises ManifestError where it is the only one of its `pip install`."""
    facts = parse(text, target)
    words = _words(facts, name)
    if not words:
        raise ManifestError(f"no `pip install` in this Dockerfile names {name}")
    for site in facts.pip_installs():
        packages = site.what.packages if isinstance(site.what, PipInstall) else ()
        if packages and all(word in words for word in packages):
            raise ManifestError(f"{name} is the only package of its `pip install`")
    for word in sorted(words, key=lambda one: one.start, reverse=True):
        head = re.sub(r"(?:[ \t]|\\\r?\n)+$", "", text[: word.start])
        tail = text[word.end :]
        text = head + (tail if tail[:1] in ("", " ", "\n", "\r", "\t") else " " + tail)
    return text


def install_first(text: str, requirement: str, *, target: str | None = None) -> str:
    """The text with `RUN pip install <requirement>` before the first pip install of the built stages.

    For what must be there before something else is installed. In an image of Python that installs nothing,
    the instruction goes to the end of the stage's preparations.
    Raises ManifestError where no place is certain to have pip.
    """
    wanted(re.split(r"[<>=!~]", requirement, maxsplit=1)[0], "")
    facts = parse(text, target)
    sites = facts.pip_installs()
    end = "\r\n" if "\r\n" in text else "\n"
    word = f"'{requirement}'" if re.search(r"[<>!*\[\]]", requirement) else requirement
    if sites:
        start = facts.instructions[sites[0].instruction].start
        return text[:start] + f"RUN {_pip_of(text, sites[0])} {word}{end}" + text[start:]
    if not facts.stages or not _PYTHON_IMAGE.search(facts.base_image):
        raise ManifestError("the Dockerfile installs nothing with pip, and its image is not one of Python")
    start = _before_end(facts, len(text))
    lead = "" if text[:start].endswith("\n") or not start else end
    return text[:start] + f"{lead}RUN pip install --no-cache-dir {word}{end}" + text[start:]


def _before_end(facts: DockerfileFacts, size: int) -> int:
    """Behind the FROM and its preparations, so before anything that could run the code."""
    mine = [i for i, stage in enumerate(facts.stage_of) if stage == facts.target]
    for position in mine[1:]:
        instruction = facts.instructions[position]
        if instruction.keyword in _ENDS or instruction.keyword in ("COPY", "ADD", "RUN"):
            return instruction.start
    return size


def _pip_of(text: str, site: Installed) -> str:
    """The way the Dockerfile itself calls pip: `pip3 install`, `python -m pip install --no-cache-dir`."""
    what = site.what
    if not isinstance(what, PipInstall):
        return "pip install"
    flags = " --no-cache-dir" if "--no-cache-dir" in text else ""
    called = re.search(r"((?:python[\d.]* -m )?pip[\d.]*|uv pip) install", text)
    return f"{called[1] if called else 'pip'} install{flags}"


def _changed(text: str, name: str, target: str | None, change: Callable[[str], str]) -> str:
    words = _words(parse(text, target), name)
    if not words:
        raise ManifestError(f"no `pip install` in this Dockerfile names {name}")
    for word in sorted(words, key=lambda one: one.start, reverse=True):
        new = change(word.text)
        raw = text[word.start : word.end]
        quote = raw[:1] if raw[:1] in ("'", '"') else "'" if re.search(r"[<>!*\[\]; ]", new) else ""
        text = text[: word.start] + quote + new + quote + text[word.end :]
    return text


def _words(facts: DockerfileFacts, name: str) -> list[Word]:
    """The words of every pip install that name this package, where they stand in the file as such."""
    found = (w for i in facts.pip_installs() if isinstance(i.what, PipInstall) for w in i.what.packages)
    return [w for w in found if w.start >= 0 and "://" not in w.text and name_in(w.text) == canonical(name)]
