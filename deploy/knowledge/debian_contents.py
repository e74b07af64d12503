"""Distil Debian's Contents index into one small SQLite file: which package holds this header, library, tool.

    python deploy/knowledge/debian_contents.py [--mirror URI] [--cache DIR] [--out FILE]

The mirror is the one this host's apt is configured with. Read are the indices `Contents-amd64` and
`Contents-all` of `main`. Where several packages hold a file, one is chosen (``_rank``): never a cross
compiler's, a debug or documentation package; for headers, .pc and linker names a `-dev` package of a
development section; then the package that bears the file's name; then the shorter name. What stays
ambiguous after that is settled by alphabet, so that the same indices give the same file.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sqlite3
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

RELEASES = ("bullseye", "bookworm", "trixie")
ARCHITECTURES = ("amd64", "all")
_LIB = r"(?:usr/)?lib/(?:x86_64-linux-gnu/)?"
_KINDS = (
    ("command", re.compile(r"^(?:usr/)?s?bin/([\w.+-]+)$")),
    ("soname", re.compile(rf"^{_LIB}(lib[\w.+-]+\.so(?:\.\d+)+)$")),
    ("link", re.compile(rf"^{_LIB}lib([\w.+-]+)\.(?:so|a)$")),
    ("pc", re.compile(r"^usr/(?:lib/(?:x86_64-linux-gnu/)?|share/)pkgconfig/([\w.+-]+)\.pc$")),
    ("cmake", re.compile(r"/cmake/[\w.+/-]*?([\w.+-]+?)-?[Cc]onfig\.cmake$")),
    ("typelib", re.compile(rf"^{_LIB}girepository-1\.0/([\w.+-]+)\.typelib$")),
    ("header", re.compile(r"^usr/include/(?:x86_64-linux-gnu/)?((?:[\w.+-]+/){0,3}[\w.+-]+\.h(?:pp|xx)?)$")),
)
_UNFIT = re.compile(
    r"-(?:cross|dbgsym|dbg|doc|docs|examples?|mingw-w64\S*|source|udeb|data|tests?)$|-cross-|^mingw|arm-none"
)
_LEFT_OUT = re.compile(
    r"^(?:librust|libghc|golang(?!-go$|-any$)|node|r-cran|r-bioc|elpa|firmware|linux-(?:image|headers)|texlive-lang"
    r"|aspell|hunspell|myspell|hyphen|task|education|manpages|wine|gcc-\d|g\+\+-\d|boinc|kde|plasma|gnome|xfce4)-"
    r"|-(?:l10n|i18n|locale|help|java-doc|ocaml-dev|theme|icons?)(?:-|$)|dbg"
)
"""Of no use to a container's Dockerfile, and half of the archive."""
_LANGUAGES = frozenset(
    ["javascript", "python", "ruby", "php", "perl", "rust", "haskell", "gnu-r", "games", "education", "kde"]
)
"""Sections whose commands a project has from its own package manager, or in no container at all."""
_DEVELOPMENT = frozenset({"header", "pc", "link", "cmake"})
_DEV_SECTIONS = frozenset({"libdevel", "devel", "python", "ruby", "perl", "golang", "java", "php", "libs"})
_SHARED_FOLDERS = frozenset({"boost", "GL", "X11", "sys", "linux", "google", "mysql", "openssl", "net"})
"""Directories of several packages in which each header is known by itself, however many there are."""
Fact = tuple[str, str]
"""What a file is to whoever lacks it, and the name it is asked for by."""
_MAX_HEADERS = 40
"""Of a package with more headers, those that lie in a directory are known by the directory's name only."""


def main() -> int:
    """Read the indices, write the file, print what went in."""
    options = _options()
    chosen: dict[Fact, dict[int, str]] = {}
    packages: dict[str, int] = {}
    for bit, release in enumerate(RELEASES):
        best = _best(_entries(options.mirror, release, options.cache), packages, 1 << bit)
        for fact, package in best.items():
            chosen.setdefault(fact, {})[bit] = package
    _write(options.out, chosen, packages)
    size = options.out.stat().st_size
    sys.stdout.write(f"{options.out}: {len(chosen)} files, {len(packages)} packages, {size} bytes\n")
    return 0


def _best(entries: Iterator[tuple[str, str, str]], packages: dict[str, int], bit: int) -> dict[Fact, str]:
    """The package chosen for every fact of one release; notes in `packages` what the release has."""
    best: dict[Fact, tuple[tuple[int, ...], str]] = {}
    owners: dict[str, set[str]] = {}
    for path, section, package in entries:
        if _LEFT_OUT.search(package):
            continue
        packages[package] = packages.get(package, 0) | bit
        for kind, key in _facts(path):
            rank = _rank(kind, key, section, package)
            if rank[0]:
                continue
            if kind == "header" and "/" in key:
                owners.setdefault(key.split("/")[0], set()).add(package)
            if (kind, key) not in best or (rank, package) < best[kind, key]:
                best[kind, key] = (rank, package)
    return _condensed({fact: package for fact, (_, package) in best.items()}, owners)


def _condensed(best: dict[Fact, str], owners: dict[str, set[str]]) -> dict[Fact, str]:
    """One package's own directory stands for the headers in it, `libx.so.1` for `libx.so.1.2.3`."""
    sizes = Counter(package for (kind, _), package in best.items() if kind == "header")
    found: dict[Fact, str] = {}
    for (kind, key), package in best.items():
        folder, slash, _ = key.partition("/")
        if kind == "header" and slash and len(owners[folder]) == 1:
            found[kind, folder + "/"] = package
        elif kind == "soname" and best.get((kind, key.rpartition(".")[0])):
            continue
        elif kind != "header" or sizes[package] <= _MAX_HEADERS or (slash and folder in _SHARED_FOLDERS):
            found[kind, key] = package
    return found


def _options() -> argparse.Namespace:
    data = Path(__file__).parents[2] / "activities" / "diagnosis" / "data"
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--mirror", default="", help="base URI; read from /etc/apt where it is left out")
    parser.add_argument("--cache", type=Path, default=None, help="directory that keeps the fetched indices")
    parser.add_argument("--out", type=Path, default=data / "debian_files.sqlite")
    options = parser.parse_args()
    options.mirror = (options.mirror or _configured_mirror()).rstrip("/")
    return options


def _configured_mirror() -> str:
    """The first non-security URI that apt is configured with."""
    sources = sorted(Path("/etc/apt").glob("sources.list*")) + sorted(
        Path("/etc/apt/sources.list.d").glob("*")
    )
    for source in (path for path in sources if path.is_file()):
        text = source.read_text(encoding="utf-8", errors="replace")
        for uri in re.findall(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+/debian/?)(?:\s|$)", text, re.MULTILINE):
            return str(uri)
    sys.exit("no Debian mirror in /etc/apt; name one with --mirror")


def _entries(mirror: str, release: str, cache: Path | None) -> Iterator[tuple[str, str, str]]:
    """(path, section, package) of every file of a release's `main`."""
    for architecture in ARCHITECTURES:
        for line in _lines(mirror, release, architecture, cache):
            path, _, owners = line.rstrip("\n").rpartition(" ")
            for owner in owners.split(","):
                section, _, package = owner.rpartition("/")
                yield path.rstrip(), section.rsplit("/", 1)[-1], package


def _lines(mirror: str, release: str, architecture: str, cache: Path | None) -> Iterator[str]:
    kept = cache / f"{release}-{architecture}.gz" if cache else None
    if kept is not None and kept.is_file():
        with gzip.open(kept, "rt", encoding="utf-8", errors="replace") as file:
            yield from file
        return
    address = f"{mirror}/dists/{release}/main/Contents-{architecture}.gz"
    with (
        urllib.request.urlopen(address, timeout=120) as answer,  # noqa: S310  the mirror apt itself trusts
        gzip.open(answer, "rt", encoding="utf-8", errors="replace") as file,
    ):
        yield from file


def _facts(path: str) -> Iterator[Fact]:
    for kind, pattern in _KINDS:
        found = pattern.search(path)
        if found is None:
            continue
        key = found[1].lower() if kind == "cmake" else found[1]
        if kind == "header":
            yield from ((kind, name) for name in _spellings(key))
        else:
            yield kind, key


def _spellings(header: str) -> set[str]:
    """How sources may include it: in full, or from the directory that pkg-config puts on the search path."""
    parts = header.split("/")
    return {"/".join(parts[start:]) for start in range(min(len(parts), 2)) if len(parts) - start <= 3}


def _rank(kind: str, key: str, section: str, package: str) -> tuple[int, ...]:
    """Smaller is better; a first number above 0 means: not at all."""
    unfit = bool(_UNFIT.search(package)) or (kind == "command" and section in _LANGUAGES)
    development = kind in _DEVELOPMENT
    dev_package = package.endswith("-dev") and section in _DEV_SECTIONS
    stem = re.sub(r"\W", "", key.rsplit("/", 1)[-1].removesuffix(".h").lower())
    plain = re.sub(r"\W", "", package.removesuffix("-dev").lower())
    named = 0 if plain in (stem, f"lib{stem}", stem.removeprefix("lib")) else 1 if stem in plain else 2
    return (int(unfit), int(development and not dev_package), named, len(package))


def _write(out: Path, chosen: dict[Fact, dict[int, str]], packages: dict[str, int]) -> None:
    out.unlink(missing_ok=True)
    numbers = {name: number for number, name in enumerate(sorted(packages), 1)}
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(kind for kind, _ in _KINDS), 1)}
    with sqlite3.connect(out) as database:
        database.executescript(
            "PRAGMA page_size = 4096;"
            "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
            "CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT);"
            "CREATE TABLE package (id INTEGER PRIMARY KEY, name TEXT, releases INTEGER);"
            "CREATE TABLE file (kind INTEGER, key TEXT, package INTEGER, releases INTEGER,"
            " PRIMARY KEY (kind, key, package)) WITHOUT ROWID;"
        )
        database.executemany("INSERT INTO about VALUES (?, ?)", _provenance())
        database.executemany("INSERT INTO kind VALUES (?, ?)", ((n, k) for k, n in kinds.items()))
        rows = ((numbers[name], name, packages[name]) for name in sorted(packages))
        database.executemany("INSERT INTO package VALUES (?, ?, ?)", rows)
        for (kind, key), by_release in sorted(chosen.items()):
            masks: dict[str, int] = {}
            for bit, package in by_release.items():
                masks[package] = masks.get(package, 0) | 1 << bit
            database.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?)",
                ((kinds[kind], key, numbers[package], mask) for package, mask in sorted(masks.items())),
            )
    with sqlite3.connect(out) as database:
        database.execute("VACUUM")


def _provenance() -> list[tuple[str, str]]:
    return [
        ("source", "Debian Contents indices of main, amd64 and all"),
        ("releases", ",".join(RELEASES)),
        ("made_by", "deploy/knowledge/debian_contents.py"),
        ("made_on", datetime.now(UTC).date().isoformat()),
        ("choice", "no cross, debug or documentation package; -dev for development; named alike; shortest"),
    ]


if __name__ == "__main__":
    sys.exit(main())
