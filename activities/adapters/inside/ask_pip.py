"""Runs inside the service's image (Python 3.7 or newer): asks its pip what the image's index offers.

Reads ``question.json`` and rewrites ``answer.json`` after every package, so that a time limit costs the
rest and not the whole. TLS, proxies, credentials and the index itself are pip's own configuration. No
package's code is run: wheels are listed and parsed, sources are never built.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import Any, Optional

from wheel_contents import has, place_of  # type: ignore[import-not-found]  # beside this file, inside

ACCEPT = "application/vnd.pypi.simple.v1+json"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
QUICK = ["--retries", "1", "--timeout", "5"]
MAX_WHEEL_BYTES = 40 * 1024 * 1024
MAX_PROBES = 12


class Index:
    """The pages and files of the index that pip is configured for."""

    def __init__(self) -> None:
        from pip._internal.commands import create_command

        command: Any = create_command("download")
        options, _ = command.parse_args(["--no-input", "x"])
        self.session = command._build_session(options, retries=1, timeout=5)
        self.urls = [options.index_url, *options.extra_index_urls]
        self.reached = False
        self.listed = {}  # type: dict[str, bool]
        """Name -> whether the index has it; names are missing where it does not say so plainly."""
        self._wheels = {}  # type: dict[str, zipfile.ZipFile]

    def files(self, name: str) -> list[dict[str, Any]]:
        """Every file of a project, oldest first as the index lists them; none where it is not there."""
        for url in self.urls:
            page = url.rstrip("/") + "/" + canonical(name) + "/"
            try:
                answer = self.session.get(page, headers={"Accept": ACCEPT}, timeout=8)
            except Exception:
                continue
            self.reached = True
            self.listed[name] = answer.status_code != 404
            if answer.status_code == 200 and "json" in answer.headers.get("Content-Type", ""):
                from urllib.parse import urljoin

                found = answer.json().get("files", [])
                return [dict(one, url=urljoin(answer.url, one["url"])) for one in found]
            if self.listed[name]:
                break
        return []

    def wheel(self, file: dict[str, Any]) -> Optional[zipfile.ZipFile]:
        """The wheel, opened; None where it cannot be had or is too large."""
        url = file["url"]
        if url not in self._wheels:
            try:
                self._wheels[url] = self._opened(url, int(file.get("size") or 0))
            except Exception:
                return None
        return self._wheels[url]

    def _opened(self, url: str, size: int) -> zipfile.ZipFile:
        if size > MAX_WHEEL_BYTES:
            from pip._internal.network.lazy_wheel import LazyZipOverHTTP

            return zipfile.ZipFile(LazyZipOverHTTP(url, self.session))
        answer = self.session.get(url, timeout=15, headers={"Accept-Encoding": "identity"})
        answer.raise_for_status()
        return zipfile.ZipFile(io.BytesIO(answer.content))


def canonical(name: str) -> str:
    """A name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def releases(files: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Version -> its files, for versions that are final, not yanked and made for this interpreter."""
    from pip._vendor.packaging.specifiers import SpecifierSet
    from pip._vendor.packaging.version import InvalidVersion, Version

    found = {}  # type: dict[str, list[dict[str, Any]]]
    here = ".".join(map(str, sys.version_info[:3]))
    for file in files:
        version = version_of(file["filename"])
        try:
            fits = not Version(version).is_prerelease and (
                not file.get("requires-python") or here in SpecifierSet(file["requires-python"])
            )
        except (InvalidVersion, ValueError):
            continue
        if fits and not file.get("yanked"):
            found.setdefault(version, []).append(file)
    return {version: found[version] for version in sorted(found, key=Version)}


def version_of(filename: str) -> str:
    """The version in the name of a wheel or a source archive; '' for other files."""
    if filename.endswith(".whl"):
        return filename.split("-")[1]
    stem = re.sub(r"\.(?:tar\.gz|tar\.bz2|zip|tgz)$", "", filename)
    return stem.rpartition("-")[2] if stem != filename else ""


def smallest_wheel(files: list[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """Which platform it is for does not matter for what it holds."""
    wheels = [file for file in files if file["filename"].endswith(".whl")]
    plain = [file for file in wheels if re.search("-any.whl$|linux", file["filename"])]
    return min(plain or wheels, key=lambda file: int(file.get("size") or 0), default=None)


def last_with(index: Index, known: dict[str, list[dict[str, Any]]], module: str, attribute: str) -> Any:
    """(last release that has it, first that does not, how many were opened); '' where not found."""
    versions = [version for version in known if smallest_wheel(known[version])]
    answers = {}  # type: dict[int, Optional[bool]]

    def probe(position: int) -> Optional[bool]:
        if position not in answers:
            file = smallest_wheel(known[versions[position]])
            wheel = index.wheel(file) if file and len(answers) < MAX_PROBES else None
            answers[position] = has(wheel, module, attribute) if wheel else None
        return answers[position]

    if not versions or probe(len(versions) - 1) is not False:
        return "", "", len(answers)
    heads = heads_of(versions)
    high, step, low = len(versions) - 1, 1, -1
    while step < len(heads) and low < 0:
        position = heads[-1 - step]
        found = probe(position)
        if found is None:
            return "", "", len(answers)
        low, high = (position, high) if found else (low, position)
        step *= 2
    while low >= 0 and high - low > 1:
        middle = (low + high) // 2
        found = probe(middle)
        if found is None:
            break
        low, high = (middle, high) if found else (low, middle)
    return (versions[low], versions[high], len(answers)) if low >= 0 else ("", "", len(answers))


def heads_of(versions: list[str]) -> list[int]:
    """The position of the last release of each minor series."""
    series = [version.split(".")[:2] for version in versions]
    return [at for at in range(len(versions)) if at + 1 == len(versions) or series[at] != series[at + 1]]


class Resolver:
    """pip's own choice of versions, without installing or building anything."""

    def __init__(self, seconds: float, constraints: list[str]) -> None:
        self.end = time.monotonic() + seconds
        with open("constraints.txt", "w") as file:
            file.write("\n".join(constraints))

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def versions(self, wanted: list[str]) -> tuple[dict[str, str], str]:
        """Canonical name -> version that pip would install within the constraints, or why it would not."""
        report = os.path.join(tempfile.mkdtemp(), "report.json")
        options = ["--dry-run", "--quiet", "--only-binary=:all:", "--report", report, "-c", "constraints.txt"]
        argv = [*PIP, "install", *QUICK, *options, *wanted]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=max(0.1, self.left / 2))
        except subprocess.TimeoutExpired:
            return {}, "pip did not answer in time"
        if "no such option" in done.stderr:  # a pip from before 22.2: the index's page has to do
            return {}, ""
        if done.returncode != 0:
            return {}, "\n".join(done.stderr.strip().splitlines()[-6:])[-600:]
        with open(report) as file:
            items = json.load(file)["install"]
        return {canonical(item["metadata"]["name"]): item["metadata"]["version"] for item in items}, ""


def page_facts(index: Index, name: str, files: list[dict[str, Any]]) -> dict[str, Any]:
    """What the project's page alone says."""
    times = sorted(file["upload-time"] for file in files if file.get("upload-time"))
    return {
        "found": index.listed.get(name),
        "releases": len({version_of(file["filename"]) for file in files} - {""}),
        "first_uploaded": times[0] if times else None,
        "newest": next(reversed(list(releases(files))), ""),
    }


def choice(
    index: Index, package: dict[str, Any], files: list[dict[str, Any]], chosen: Optional[str], pip: Resolver
) -> dict[str, Any]:
    """Which release, and whether its wheel holds the module."""
    known = releases(files)
    said = {"complete": True}  # type: dict[str, Any]
    limit = package["specifier"]
    if package["module"]:
        had, lost, opened = last_with(index, known, package["module"], package["attribute"])
        said.update(last_with=had, first_without=lost, opened=opened)
        limit = ",".join(filter(None, [limit, "<" + lost if lost else ""]))
    if chosen is None or limit != package["specifier"]:
        versions, said["problem"] = pip.versions([package["name"] + limit])
        chosen = versions.get(canonical(package["name"]))
    said["chosen"] = chosen or newest_within(known, limit)
    said.update(proof(index, known.get(said["chosen"], []), package["module"]))
    return said


def newest_within(known: dict[str, list[dict[str, Any]]], specifier: str) -> str:
    """The newest release for this interpreter by the index's own page."""
    from pip._vendor.packaging.specifiers import SpecifierSet

    fitting = [version for version in known if version in SpecifierSet(specifier)]
    return fitting[-1] if fitting else ""


def proof(index: Index, files: list[dict[str, Any]], module: str) -> dict[str, Any]:
    """When the chosen release was uploaded, and where its wheel holds the module."""
    times = sorted(file["upload-time"] for file in files if file.get("upload-time"))
    said = {"uploaded": times[0] if times else None}  # type: dict[str, Any]
    file = smallest_wheel(files)
    wheel = index.wheel(file) if file and module else None
    if file and wheel:
        said.update(wheel=file["filename"], place=place_of(wheel, module))
        said["hooks"] = any(name.endswith(".pth") for name in wheel.namelist())
    return said


def main() -> None:
    """Answer the question beside this file: first what is cheap, then package by package."""
    with open("question.json") as file:
        question = json.load(file)
    pip = Resolver(question["seconds"], question["constraints"])
    index, packages = Index(), question["packages"]
    files = {one["name"]: index.files(one["name"]) for one in packages}
    said = {name: page_facts(index, name, found) for name, found in files.items()}
    write(said, index)
    wanted = [one["name"] + one["specifier"] for one in packages if index.listed.get(one["name"], True)]
    versions, problem = pip.versions([*wanted, *question["beside"]])
    if problem and (question["beside"] or len(wanted) > 1):
        versions, _ = pip.versions(wanted)
    for one in packages:
        if pip.left > 1 and index.listed.get(one["name"], True):
            chosen = versions.get(canonical(one["name"]))
            said[one["name"]].update(choice(index, one, files[one["name"]], chosen, pip))
            write(said, index)


def write(said: dict[str, Any], index: Index) -> None:
    """Replace the answer as a whole: half a file would be no answer."""
    here = ".".join(map(str, sys.version_info[:3]))
    with open("answer.tmp", "w") as file:
        json.dump({"interpreter": here, "reached": index.reached, "packages": said}, file)
    os.replace("answer.tmp", "answer.json")


if __name__ == "__main__":
    main()
