"""Names by which a Node project's sources call its own files: path aliases, workspaces, base folders."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from activities.diagnosis.node.project import package_json_paths, read_package_json
from activities.diagnosis.source_tree import read_text

_TS_CONFIGS = (
    "tsconfig.json",
    "tsconfig.base.json",
    "tsconfig.app.json",
    "jsconfig.json",
    "tsconfig.build.json",
)
_TOOL_CONFIG = re.compile(
    r"^(?:(?:vite|vitest|webpack(?:\.[\w-]+)?|rollup|vue|next|nuxt|babel|craco|metro|jest|rspack|rsbuild|esbuild|tsup"
    r"|svelte|astro|quasar)\.config|\.babelrc|config-overrides|craco\.config)(?:\.(?:m|c)?[jt]sx?|\.json)?$"
)
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_PATHS = re.compile(r'"paths"\s*:\s*\{(.*?)\}', re.DOTALL)
_BASE = re.compile(r'"baseUrl"\s*:\s*"([^"]*)"')
_ALIAS = re.compile(
    r"\b(?:alias|moduleNameMapper|_moduleAliases|moduleAliases)[\"']?\s*[:=]\s*\{(.*?)\}", re.DOTALL
)
_KEY = re.compile(r"(?:^|[,{\s])(?:[\"']([^\"']+)[\"']|([\w$@-]+))\s*:", re.MULTILINE)
_FIND = re.compile(r"\bfind\s*:\s*(?:[\"']([^\"']+)[\"'])")
_CONFIG_FOLDERS = (".", "build", "config", "webpack")


@dataclass(frozen=True)
class Aliases:
    """What requests mean the project's own files."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    """Text before the `*` of a path alias, or an alias that takes subpaths."""
    folders: frozenset[str] = frozenset()
    """Names of files and folders in the base folders that imports start from."""

    def covers(self, request: str) -> bool:
        """Whether `request` means an own file."""
        top = request.split("/", 1)[0]
        named = request in self.exact or any(request.startswith(f"{name}/") for name in self.exact)
        return named or top in self.folders or any(p and request.startswith(p) for p in self.prefixes)


def aliases_of(root: Path) -> Aliases:
    """The aliases that the configuration files at `root` and in its packages declare."""
    exact: set[str] = set()
    prefixes: set[str] = set()
    folders: set[str] = set()
    for path in package_json_paths(root):
        folder = posixpath.dirname(path)
        manifest = read_package_json(root, path)
        if manifest and manifest.name and folder:
            exact.add(manifest.name)
        for config in _TS_CONFIGS:
            _from_typescript(root, posixpath.join(folder, config), prefixes, exact, folders)
        for text in _tool_configs(root / folder):
            exact |= _alias_keys(text)
    return Aliases(frozenset(exact), tuple(sorted(prefixes)), frozenset(folders))


def without_comments(text: str) -> str:
    """JSON as people write it, without its comments."""
    return _COMMENT.sub(lambda found: found[1] or " ", text)


def _from_typescript(root: Path, path: str, prefixes: set[str], exact: set[str], folders: set[str]) -> None:
    text = without_comments(read_text(root / path) or "")
    block = _PATHS.search(text)
    for key in re.findall(r'"([^"]+)"\s*:', block[1]) if block else ():
        if key.endswith("*"):
            prefixes.add(key[:-1])
        else:
            exact.add(key)
    base = _BASE.search(text)
    if base:
        folder = root / posixpath.dirname(path) / base[1]
        folders |= _names_in(folder)


def _names_in(folder: Path) -> set[str]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return set()
    skipped = {"node_modules", "package.json"}
    return {re.sub(r"\.(?:[cm]?[jt]sx?)$", "", e.name) for e in entries if e.name not in skipped}


def _tool_configs(folder: Path) -> list[str]:
    found = []
    for name in _CONFIG_FOLDERS:
        try:
            entries = sorted((folder / name).iterdir())
        except OSError:
            continue
        files = [e for e in entries if _TOOL_CONFIG.match(e.name) or e.name == "package.json"]
        found += [read_text(entry) or "" for entry in files]
    return found


def _alias_keys(text: str) -> set[str]:
    keys: set[str] = set()
    for block in _ALIAS.finditer(text):
        keys |= {quoted or bare for quoted, bare in _KEY.findall(block[1])}
    keys |= {found[1] for found in _FIND.finditer(text)}
    return {key.strip("^$/").removesuffix("/(.*)").removesuffix("/*") for key in keys if key}
