"""The Python files of a build context, found within bounds and never through symbolic links."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MAX_FILES = 3000
MAX_FILE_BYTES = 512 * 1024
_MAX_DEPTH = 12
_NEVER = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "__pycache__",
        "site-packages",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".venv",
    }
)
_NOT_SCANNED = frozenset(
    {
        "tests",
        "test",
        "testing",
        "docs",
        "doc",
        "examples",
        "example",
        "benchmarks",
        "venv",
        "env",
        "migrations",
    }
)
_TEST_FILE = re.compile(r"^(?:test_.*|.*_test|conftest|setup|noxfile|tasks|fabfile)\.py$")


@dataclass(frozen=True)
class SourceTree:
    """What was found under `root`."""

    root: Path
    files: tuple[str, ...] = ()
    """POSIX paths of `*.py` files relative to the root, sorted."""
    in_image: frozenset[str] = frozenset()
    """Those that `.dockerignore` lets into the build."""
    truncated: bool = False
    """True where a bound cut the search."""

    def scannable(self) -> list[str]:
        """Files that can be part of the running service: in the image, no tests, no build scripts."""
        return [
            path
            for path in self.files
            if path in self.in_image
            and not _NOT_SCANNED & set(path.split("/")[:-1])
            and not _TEST_FILE.match(path.rsplit("/", 1)[-1])
        ]

    def root_modules(self) -> set[str]:
        """Modules and packages importable from the root or from `src/`."""
        found = set()
        for path in self.files:
            parts = path.removeprefix("src/").split("/")
            if len(parts) == 1:
                found.add(parts[0].removesuffix(".py"))
            elif len(parts) == 2 and parts[1] == "__init__.py":
                found.add(parts[0])
        return found

    def root_folders(self) -> set[str]:
        """Folders at the root or in `src/` that hold Python files: packages, with or without `__init__`."""
        parts = (path.removeprefix("src/").split("/") for path in self.files)
        return {folders[0] for folders in parts if len(folders) > 1}

    def module_names(self) -> set[str]:
        """Every name under which any file or directory of the tree might be imported."""
        found = set()
        for path in self.files:
            *folders, name = path.split("/")
            found.update(folders)
            found.add(name.removesuffix(".py"))
        return found

    def find(self, module: str) -> list[str]:
        """Files that a dotted module name may mean, from whichever directory it is imported."""
        tail = module.replace(".", "/")
        ends = (f"/{tail}.py", f"/{tail}/__init__.py")
        named = self._by_name.get(tail.rsplit("/", 1)[-1], ())
        return [path for path in named if f"/{path}".endswith(ends)]

    def has(self, path: str) -> bool:
        """Whether the tree holds this file."""
        return path in self._known

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.files)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Files by the last part of the name they are imported under."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            parts = path.removesuffix(".py").split("/")
            name = parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]
            found.setdefault(name, []).append(path)
        return found


def read_tree(root: Path) -> SourceTree:
    """Walks `root`; unreadable directories count as empty."""
    ignored = ignore_rules(root / ".dockerignore")
    files: list[str] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        relative = Path(folder).relative_to(root)
        deep = len(relative.parts) >= _MAX_DEPTH
        folders[:] = sorted(f for f in folders if f not in _NEVER and not deep)
        files += [(relative / name).as_posix() for name in sorted(names) if name.endswith(".py")]
        if len(files) > MAX_FILES:
            break
    kept = sorted(files[:MAX_FILES])
    inside = frozenset(path for path in kept if not is_ignored(path, ignored))
    return SourceTree(root, tuple(kept), inside, len(files) > MAX_FILES)


def read_text(path: Path, limit: int = MAX_FILE_BYTES) -> str | None:
    """The text with its line ends as they are; None for what is missing, too large, a link or not UTF-8."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > limit:
            return None
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def ignore_rules(path: Path) -> list[tuple[re.Pattern[str], bool]]:
    """(pattern, ignored) per line of a .dockerignore; the last match decides."""
    rules = []
    for line in (read_text(path) or "").splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        plain = rule.lstrip("!").strip().strip("/").removeprefix("./")
        rules.append((docker_glob(plain), not rule.startswith("!")))
    return rules


def docker_glob(pattern: str) -> re.Pattern[str]:
    """Docker's globs: `*` stays inside a path segment, `**` crosses them; a directory means its files."""
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meaning = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    return re.compile("".join(meaning.get(token, re.escape(token)) for token in tokens) + r"(?:/.*)?\Z")


def is_ignored(path: str, rules: list[tuple[re.Pattern[str], bool]]) -> bool:
    """Whether these rules keep a file of the context out of the build."""
    ignored = False
    for pattern, verdict in rules:
        if pattern.match(path):
            ignored = verdict
    return ignored
