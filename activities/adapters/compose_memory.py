"""Remembers what Compose made of a project, for as long as everything it read is byte for byte the same.

A run asks the same questions in most of its steps, and every answer is a process of a tenth of a second.
``docker compose config`` asks no daemon: it reads the compose files, the files that these name, and the
environment. All of that is read again here, and hashed, each time; only then is an answer remembered. A
project whose inputs cannot be told from its files alone (``include``, ``extends`` of another file, tags,
variables in a path) is asked about anew every time.
"""

import hashlib
from asyncio import to_thread
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from packaging.version import Version
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from activities.adapters.plugin_files import Mark
from workflows.models.target import ComposeProject

T = TypeVar("T")

_MAX_FILE_BYTES = 1024 * 1024
"""A longer input is not hashed again and again: such a project is asked about anew."""
_MAX_ANSWERS = 256
_MAX_READINGS = 64


class _UntoldError(Exception):
    """The project's inputs cannot be told."""


@dataclass
class ComposeMemory:
    """Answers of Compose, by project and question. Holds secrets, as Compose's answers do: memory only."""

    _answers: OrderedDict[tuple[ComposeProject, str], tuple[str, object]] = field(
        default_factory=OrderedDict, repr=False
    )
    _readings: OrderedDict[str, frozenset[Path] | None] = field(default_factory=OrderedDict, repr=False)
    """Hash of the compose files -> the other files they name; None: they cannot be told."""
    _version: Version | None = None
    _mark: Mark | None = None

    def seen_version(self, version: Version, mark: Mark | None) -> None:
        """Another Compose may answer otherwise: all is forgotten."""
        if version != self._version:
            self._answers.clear()
        self._version, self._mark = version, mark

    def version_of(self, mark: Mark | None) -> Version | None:
        """The version seen when the files of command and plugins were these."""
        return self._version if mark is not None and mark == self._mark else None

    async def recalled(
        self,
        project: ComposeProject,
        environment: Mapping[str, str],
        question: str,
        ask: Callable[[], Awaitable[T]],
    ) -> T:
        """The answer as remembered, else as given by ``ask``; errors are forgotten."""
        before = await to_thread(self.inputs, project, environment)
        key = (project, question)
        known = self._answers.get(key)
        if before is not None and known is not None and known[0] == before:
            return known[1]  # type: ignore[return-value]  # one question has answers of one type
        answer = await ask()
        if before is not None and before == await to_thread(self.inputs, project, environment):
            self._answers[key] = (before, answer)
            while len(self._answers) > _MAX_ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def inputs(self, project: ComposeProject, environment: Mapping[str, str]) -> str | None:
        """A hash over everything that an answer depends on; None where that cannot be told. Blocking."""
        try:
            configs = {path: _contents(Path(path)) for path in project.config_files}
            told = self._named(project, configs)
            digest = hashlib.sha256(repr(sorted(environment.items())).encode())
            for path, data in configs.items():
                _add(digest, path, data)
            for file in sorted({*_dotenvs(project), *told}):
                _add(digest, str(file), _contents(file))
        except (_UntoldError, OSError):
            return None
        return digest.hexdigest()

    def _named(self, project: ComposeProject, configs: Mapping[str, bytes | None]) -> frozenset[Path]:
        """Files that the compose files name; they are parsed only where they are new."""
        digest = hashlib.sha256(project.working_dir.encode())
        for path, data in configs.items():
            _add(digest, path, data)
        key = digest.hexdigest()
        if key not in self._readings:
            self._readings[key] = _named_in(project, configs)
            while len(self._readings) > _MAX_READINGS:
                self._readings.popitem(last=False)
        named = self._readings[key]
        if named is None:
            raise _UntoldError
        return named


def _named_in(project: ComposeProject, configs: Mapping[str, bytes | None]) -> frozenset[Path] | None:
    try:
        documents = [document for data in configs.values() for document in _documents(data)]
        names = [name for document in documents for name in _file_names(document)]
        return frozenset(_placed(project, name) for name in names) if documents else None
    except (_UntoldError, YAMLError, ValueError, RecursionError):
        return None


def _documents(data: bytes | None) -> list[Mapping[object, object]]:
    if data is None:
        raise _UntoldError
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # it would be the operator's log that hears of it
    documents = [one for one in yaml.load_all(data.decode()) if one is not None]
    if not all(isinstance(one, dict) for one in documents):
        raise _UntoldError
    return documents


def _file_names(document: Mapping[object, object]) -> Iterator[object]:
    """Of ``env_file``, ``label_file``, ``secrets`` and ``configs``, as written."""
    if document.get("include"):
        raise _UntoldError
    for service in _mappings(document.get("services")):
        extended = service.get("extends")
        if isinstance(extended, dict) and "file" in extended:
            raise _UntoldError
        for key in ("env_file", "label_file"):
            listed = service.get(key) or ()
            for one in listed if isinstance(listed, list) else [listed] if listed else ():
                yield one.get("path") if isinstance(one, dict) else one
    for kind in ("secrets", "configs"):
        for declared in _mappings(document.get(kind)):
            if declared.get("file") is not None:
                yield declared["file"]


def _mappings(section: object) -> Iterator[Mapping[object, object]]:
    if section is None:
        return
    if not isinstance(section, dict):
        raise _UntoldError
    for value in section.values():
        if value is not None and not isinstance(value, dict):
            raise _UntoldError
        yield value or {}


def _placed(project: ComposeProject, name: object) -> Path:
    if not isinstance(name, str) or not name or "$" in name or name.startswith("~"):
        raise _UntoldError
    return Path(project.working_dir) / name


def _dotenvs(project: ComposeProject) -> tuple[Path, ...]:
    """From where Compose takes variables that the environment does not have."""
    return tuple(map(Path, project.env_files)) or (Path(project.working_dir) / ".env",)


def _contents(path: Path) -> bytes | None:
    """None where there is no regular file.

    Raises:
        _UntoldError: it is too long.
    """
    if not path.is_file():
        return None
    with path.open("rb") as opened:
        data = opened.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise _UntoldError
    return data


def _add(digest: "hashlib._Hash", name: str, data: bytes | None) -> None:
    content = "absent" if data is None else hashlib.sha256(data).hexdigest()
    digest.update(f"{len(name)}:{name}:{content};".encode("utf-8", "surrogateescape"))
