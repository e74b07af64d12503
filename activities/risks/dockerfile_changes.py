"""What changes in a Dockerfile beside the packages it installs. Pure text in, facts out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from activities.manifests import dockerfile
from activities.manifests.dockerfile_facts import DockerfileFacts
from activities.manifests.dockerfile_lines import Instruction
from activities.manifests.installers import PipInstall, SystemInstall
from activities.manifests.shell_words import Script, Word

_DIRECTIVE = re.compile(r"^#\s*[A-Za-z]+\s*=.*$", re.MULTILINE)
_PLAIN_PACKAGE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9+._-]*(?:\[[A-Za-z0-9,._-]+\])?(?:[=<>~!]{1,3}[A-Za-z0-9+.:~*,<>=!_-]+)?"
)
_FLAG = (
    r"(?:-y|-qq?|-qy|-yq|--yes|--quiet|--no-install-recommends|--no-cache|--no-cache-dir"
    r"|--root-user-action=ignore)"
)
_HARMLESS = rf"""(?:
    apt(?:-get)?\ update(?:\ {_FLAG})*
  | apt(?:-get)?(?:\ {_FLAG})*\ install(?:\ {_FLAG})*
  | apt(?:-get)?\ clean
  | apk\ add(?:\ {_FLAG})*
  | (?:python3?\ -m\ )?pip3?\ install(?:\ {_FLAG})*
  | rm\ -rf\ /var/lib/apt/lists/\*
)"""
_ONLY_INSTALLS = re.compile(rf"{_HARMLESS}(?:\ &&\ {_HARMLESS})*", re.VERBOSE)


@dataclass(frozen=True)
class _Line:
    """One instruction: what it is without its packages, and which packages it names."""

    keyword: str
    skeleton: str
    packages: frozenset[str]
    number: int

    @property
    def same_as(self) -> tuple[str, str]:
        return self.keyword, self.skeleton

    def __str__(self) -> str:
        return f"{self.keyword} in line {self.number}"


def base_image_changes(before: str, after: str) -> tuple[str, ...]:
    """``old -> new`` for each stage that stands on another image; build arguments are followed."""
    old = [stage.image for stage in dockerfile.parse(before).stages]
    new = [stage.image for stage in dockerfile.parse(after).stages]
    if old == new:
        return ()
    if len(old) != len(new):
        return (f"{' + '.join(old) or 'nothing'} -> {' + '.join(new) or 'nothing'}",)
    return tuple(f"{was} -> {now}" for was, now in zip(old, new, strict=True) if was != now)


def changes_beyond_packages(before: str, after: str) -> tuple[str, ...]:
    """What changes in another way than by packages added to an install, or by an install of its own."""
    old, new = _lines(before), _lines(after)
    found = [] if _directives(before) == _directives(after) else ["a parser directive"]
    matcher = SequenceMatcher(
        a=[line.same_as for line in old], b=[line.same_as for line in new], autojunk=False
    )
    for what, a1, a2, b1, b2 in matcher.get_opcodes():
        if what == "equal":
            pairs = zip(old[a1:a2], new[b1:b2], strict=True)
            found += [str(now) for was, now in pairs if not _only_adds(was, now)]
        else:
            found += [f"{line} (taken out)" for line in old[a1:a2]]
            found += [str(line) for line in new[b1:b2] if not _is_install(line)]
    return tuple(found)


def added_packages(before: str, after: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words of packages that only the new text installs: Python's, the operating system's; sorted."""
    python_before, system_before = _package_words(dockerfile.parse(before))
    python_after, system_after = _package_words(dockerfile.parse(after))
    return tuple(sorted(python_after - python_before)), tuple(sorted(system_after - system_before))


def _package_words(facts: DockerfileFacts) -> tuple[set[str], set[str]]:
    python: set[str] = set()
    system: set[str] = set()
    for installed in facts.installs:
        if isinstance(installed.what, PipInstall):
            python |= {word.text for word in installed.what.packages}
        elif isinstance(installed.what, SystemInstall):
            system |= {word.text for word in installed.what.packages}
    return python, system


def _lines(text: str) -> list[_Line]:
    facts = dockerfile.parse(text)
    words: dict[int, list[Word]] = {}
    for installed in facts.installs:
        if isinstance(installed.what, PipInstall | SystemInstall):
            words.setdefault(installed.instruction, []).extend(installed.what.packages)
    return [_line(one, words.get(index, [])) for index, one in enumerate(facts.instructions)]


def _line(instruction: Instruction, packages: list[Word]) -> _Line:
    scripts = (instruction.body, *instruction.heredocs)
    skeleton = " <<< ".join(_without(script, packages) for script in scripts)
    names = frozenset(word.text for word in packages)
    return _Line(instruction.keyword, skeleton, names, instruction.line)


def _without(script: Script, packages: Iterable[Word]) -> str:
    """The text without package words, blanks counted once; words without a place in the file stay."""
    gone = {offset for word in packages if word.start >= 0 for offset in range(word.start, word.end)}
    pairs = zip(script.chars, script.offsets, strict=False)
    return " ".join("".join(char for char, offset in pairs if offset not in gone).split())


def _only_adds(was: _Line, now: _Line) -> bool:
    return was.packages <= now.packages and all(map(_is_package, now.packages - was.packages))


def _is_install(line: _Line) -> bool:
    """An instruction that does nothing but install packages, in the usual words."""
    plain = bool(line.packages) and all(map(_is_package, line.packages))
    return line.keyword == "RUN" and plain and bool(_ONLY_INSTALLS.fullmatch(line.skeleton))


def _is_package(word: str) -> bool:
    """A name with or without a version: no address, no path, nothing a shell would expand."""
    return bool(_PLAIN_PACKAGE.fullmatch(word))


def _directives(text: str) -> list[str]:
    """Lines such as ``# syntax=...`` before the first instruction."""
    return list(_leading(text))


def _leading(text: str) -> Iterator[str]:
    for line in text.removeprefix("\ufeff").splitlines():
        if not _DIRECTIVE.match(line.strip()):
            return
        yield "".join(line.split())
