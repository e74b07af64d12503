"""Write activities/diagnosis/data/go_standard.json: Go release -> packages and names that it brought.

Source: the `api/` folder of a Go installation (`go env GOROOT`), which is the Go project's own record of
what every release added. Run: python deploy/knowledge/go_standard.py "$(go env GOROOT)"
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

_OLDEST = 8
"""Of names in Go 1.8 and before nothing is told: no image of an older Go is in use."""
_UNTOLD = frozenset({"syscall"})
TARGET = Path(__file__).parents[2] / "activities/diagnosis/data/go_standard.json"


def releases(api: Path) -> dict[str, list[str]]:
    """Per release the packages that no earlier one had, oldest first."""
    files = sorted(api.glob("go1*.txt"), key=lambda path: _minor(path.stem))
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    for path in files:
        named = {match[1] for match in re.finditer(r"(?m)^pkg ([a-z0-9/]+)", path.read_text())}
        if named - seen:
            found[f"1.{_minor(path.stem)}"] = sorted(named - seen)
        seen |= named
    return found


def symbols(api: Path, packages: dict[str, list[str]]) -> dict[str, list[str]]:
    """Per release the functions and types (`os.ReadFile`) that came to packages which were there before.

    A name that two packages of one last element have is dated by the earlier one.
    """
    fresh = {name: release for release, names in packages.items() for name in names}
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    for path in sorted(api.glob("go1*.txt"), key=lambda path: _minor(path.stem)):
        release = f"1.{_minor(path.stem)}"
        rows = re.findall(r"(?m)^pkg ([a-z0-9/]+), (?:func|type) ([A-Z]\w*)", path.read_text())
        rows = [(package, name) for package, name in rows if package not in _UNTOLD]
        names = {f"{package.rsplit('/', 1)[-1]}.{name}" for package, name in rows}
        old = {package for package, _ in rows if fresh.get(package) != release}
        told = {f"{p.rsplit('/', 1)[-1]}.{n}" for p, n in rows if p in old} - seen
        if told and _minor(path.stem) > _OLDEST:
            found[release] = sorted(told)
        seen |= names
    return found


def _minor(stem: str) -> int:
    return int(stem.partition(".")[2] or 0)


if __name__ == "__main__":
    root = Path(sys.argv[1])
    version = (root / "VERSION").read_text().split()[0]
    about = "Go release -> standard packages (`since`) and names (`symbols`) that it brought."
    about += f" Generated from the api folder of {version}."
    since = releases(root / "api")
    document = {"about": about, "since": since, "symbols": symbols(root / "api", since)}
    TARGET.write_text(json.dumps(document, indent=1) + "\n")
