"""Regenerates what the diagnosis knows of the Python package index: ``make knowledge``.

Sources, each a published package, fetched by name with pip at the version below:

* pigar (BSD-3): an SQLite index of which distribution carries which top-level name.
* depfinder (BSD-3): conda-forge's reviewed table of import name and distribution.
* guarddog (Apache-2.0): the most downloaded distributions, as they were in 2022, 2024, 2025 and 2026.
* dh-python (Expat; a Debian package, read where it is installed): distribution -> Debian package.

pigar says who carries a name, the others which of them is meant. The hand-written table
(``python_imports.json``) is the arbiter: what it has is left out here. Its rules are in ``choose``.
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "activities" / "diagnosis" / "data"
DEBIAN_NAMES = Path("/usr/share/dh-python/dist/cpython3_fallback")
SOURCES = ("pigar==2.2.0", "depfinder==2.10.0", "guarddog==3.2.0")
OLDER_LISTS = ("guarddog==2.6.0", "guarddog==2.0.0", "guarddog==1.8.1")
CLEAR = 3
"""A candidate is clearly ahead when its rank is this many times better than the next one's."""
MAX_TOPS = 12
"""A distribution with more top-level names than this bundles the code of others."""
CROWD = 25
"""A name that more distributions than this carry is a common word, unless conda-forge reviewed it."""
_NAMES: dict[str, str] = json.loads((Path(__file__).parent / "python_names.json").read_text("utf-8"))
GENERIC = frozenset(_NAMES["generic"].split())
"""Words that are far more often a project's own module than a distribution."""

NAMESPACES = frozenset(_NAMES["namespaces"].split())
"""Names that many distributions share by design; the longer name tells, see `package_index.py`."""
PARTS = ("_demo", "_doc", "_docs", "_example", "_examples", "_test", "_tests")
"""What a distribution leaves lying beside its package by mistake."""


@dataclass(frozen=True)
class Evidence:
    """What the sources say, names of distributions in canonical form."""

    carriers: Mapping[str, list[str]]
    """Top-level name -> distributions as the index spells them."""
    tops: Mapping[str, int]
    """Distribution -> how many top-level names it has."""
    rank: Mapping[str, int]
    """Distribution -> place among the most downloaded, from 1; the best of all lists."""
    reviewed: Mapping[str, str]
    """Import name -> distribution, from conda-forge."""


def choose(name: str, evidence: Evidence) -> str:
    """The distribution that is meant by an import of `name`; '' where the sources leave it open.

    Only distributions that are downloaded a lot or that conda-forge reviewed are candidates: the index holds
    thousands of copies and traps. Among them the reviewed one wins unless another is clearly ahead; then
    the one that is clearly ahead; then the one of the same name if it is the first anyway.
    """
    reviewed = evidence.reviewed.get(name, "")
    carriers = evidence.carriers.get(name, [])
    if (
        name.lower() in GENERIC
        or name in NAMESPACES
        or name.endswith(PARTS)
        or (len(carriers) > CROWD and not reviewed)
    ):
        return ""
    last = len(evidence.rank) + 1
    ranked = sorted(
        (evidence.rank.get(canonicalize_name(dist), last), dist)
        for dist in carriers
        if canonicalize_name(dist) in evidence.rank or canonicalize_name(dist) == reviewed
        if evidence.tops[canonicalize_name(dist)] <= MAX_TOPS or _same(name, dist)
    )
    if not ranked:
        return ""
    (first, best), second = ranked[0], ranked[1][0] if len(ranked) > 1 else CLEAR * last
    if reviewed and canonicalize_name(best) != reviewed and second < CLEAR * first:
        return next((dist for _, dist in ranked if canonicalize_name(dist) == reviewed), "")
    certain = second >= CLEAR * first or _same(name, best) or canonicalize_name(best) == reviewed
    return best if certain and first <= _limit(name, best, bool(reviewed)) else ""


def _limit(name: str, distribution: str, reviewed: bool) -> int:
    """The worst rank at which a name still means the distribution and not somebody's own module.

    The plainer the name and the less it looks like the distribution's, the better known it must be.
    """
    plain = re.fullmatch(r"[a-z]+", name) is not None
    if _same(name, distribution):
        return 10_000 if plain and not reviewed else 100_000
    if plain:
        return 10_000 if reviewed else 3_000
    return 100_000 if reviewed else 8_000


def main() -> None:
    """Write the data files anew."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--wheels", type=Path, help="keep the downloaded wheels here and use them again")
    options.add_argument(
        "--debian-names", type=Path, default=DEBIAN_NAMES, help="dh-python's cpython3_fallback"
    )
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.wheels or Path(scratch) / "wheels"
        fetched = [_fetch(requirement, folder) for requirement in (*SOURCES, *OLDER_LISTS)]
        index, names, *lists = fetched
        with zipfile.ZipFile(index) as wheel:
            database = Path(wheel.extract("pigar/.db.sqlite3", scratch))
        popular = _popular(lists)
        evidence = _evidence(database, names, popular)
    debian = _debian(chosen.debian_names)
    _write_imports(evidence)
    _write("python_popular.json", "distributions", popular, "Most downloaded distributions, most first.")
    if debian:
        known = {canonicalize_name(name) for name in popular}
        kept = {name: package for name, package in sorted(debian.items()) if name in known}
        _write("python_debian.json", "apt", kept, "Distribution -> Debian package that carries it.")


def _write_imports(evidence: Evidence) -> None:
    written = json.loads((DATA / "python_imports.json").read_text("utf-8"))["imports"]
    standard = set(sys.stdlib_module_names)
    chosen = {}
    for name in sorted(evidence.carriers):
        if name in written or name in standard or not re.fullmatch(r"[A-Za-z]\w+", name):
            continue
        distribution = choose(name, evidence)
        if distribution:
            chosen[name] = distribution
    _write("python_index.json", "imports", chosen, "Top-level name -> distribution meant by it.")


def _write(file: str, key: str, content: object, about: str) -> None:
    provenance = (
        f"{about} Generated by deploy/knowledge/python_index.py, never edited by hand, from "
        f"{', '.join((*SOURCES, *OLDER_LISTS))} (BSD-3, BSD-3, Apache-2.0) and dh-python (Expat)."
    )
    text = json.dumps({"about": provenance, key: content}, indent=0, ensure_ascii=True)
    (DATA / file).write_text(text + "\n", encoding="utf-8")
    size = len(content) if isinstance(content, list | dict) else 0
    sys.stdout.write(f"{file}: {size} entries, {len(text)} bytes\n")


def _fetch(requirement: str, folder: Path) -> Path:
    """The wheel of one source; pip's own cache and configuration apply."""
    name, _, version = requirement.partition("==")
    pattern = f"{name}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", str(folder), requirement], check=True)
    return next(folder.glob(pattern))


def _popular(lists: Iterable[Path]) -> list[str]:
    """Canonical names, best rank of any list first; today's list goes before an older one on a tie."""
    best: dict[str, int] = {}
    for wheel in lists:
        with zipfile.ZipFile(wheel) as opened:
            text = opened.read("guarddog/analyzer/metadata/resources/top_pypi_packages.json")
        loaded = json.loads(text)
        rows = loaded.get("packages") or [row["project"] for row in loaded["rows"]]
        for place, row in enumerate(rows, 1):
            name = canonicalize_name(row)
            best[name] = min(best.get(name, place), place)
    return sorted(best, key=lambda name: best[name])


def _evidence(database: Path, names: Path, popular: list[str]) -> Evidence:
    carriers: dict[str, list[str]] = defaultdict(list)
    tops: dict[str, int] = defaultdict(int)
    query = (
        "select distributions.name, top_level_module_names.name from top_level_module_names"
        " join distributions on distributions.id = top_level_module_names.distribution_id"
    )
    with sqlite3.connect(database) as connection:
        for distribution, module in connection.execute(query):
            carriers[module].append(distribution)
            tops[canonicalize_name(distribution)] += 1
    with zipfile.ZipFile(names) as wheel:
        text = wheel.read("depfinder/pkg_data/name_mapping.yml").decode("utf-8")
    pairs = re.findall(r"^  import_name: (\S+)\n.*\n  pypi_name: (\S+)", text, re.MULTILINE)
    reviewed = {module: canonicalize_name(name) for module, name in pairs}
    rank = {name: place for place, name in enumerate(popular, 1)}
    return Evidence(carriers, tops, rank, reviewed)


def _debian(table: Path) -> dict[str, str]:
    """Distribution -> Debian package, where the table is installed on this machine."""
    if not table.is_file():
        return {}
    lines = (line.split() for line in table.read_text("utf-8").splitlines() if not line.startswith("#"))
    return {canonicalize_name(p[0]): p[1] for p in lines if len(p) == 2 and p[1].startswith("python3-")}


def _same(name: str, distribution: str) -> bool:
    return canonicalize_name(name) == canonicalize_name(distribution)


if __name__ == "__main__":
    main()
