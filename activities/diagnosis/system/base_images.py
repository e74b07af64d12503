"""Which base image to build on instead: facts about tags, suites and releases, no log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from activities.diagnosis.data_files import data_file
from activities.diagnosis.system.files import debian_releases

_MINORS = tuple(f"3.{minor}" for minor in range(5, 14))
_VARIANT = re.compile(r"-(?P<suite>wheezy|jessie|stretch|buster|bullseye|bookworm|trixie)\b")
_VERSION = re.compile(r"^\d+(?:\.\d+)*")
_PYTHON = re.compile(r"^(?:\S*/)?python$")
_PLAIN_TAG = re.compile(r"^[\d.]+(?:-(?:slim|apache|fpm|cli|zts|jdk|jre))*-[a-z]+(?:-slim)?$")
_KEPT_SUITES = 3
"""A version is published for about so many Debian releases; one of them is not what a tag fails for."""
_FLOATING = frozenset({"", "latest", "rolling", "stable", "testing", "unstable", "sid", "edge", "devel"})


class Reference(NamedTuple):
    """An image reference cut into repository and tag; a digest is left out."""

    name: str
    tag: str

    @property
    def short(self) -> str:
        """The repository without registry and owner."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def is_official(self) -> bool:
        """Whether the name is one of Docker's own images."""
        return "/" not in self.name.removeprefix("docker.io/").removeprefix("library/")

    def with_tag(self, tag: str) -> str:
        """The same repository under another tag."""
        return f"{self.name}:{tag}"


def reference(image: str) -> Reference:
    """The parts of `image`; the tag is '' where none is given."""
    plain = image.split("@", 1)[0]
    name, colon, tag = plain.rpartition(":")
    return Reference(name, tag) if colon and "/" not in tag else Reference(plain, "")


def python_image(image: str, wanted: str) -> str | None:
    """The oldest official Python image of the same variant whose version satisfies `wanted` (`>=3.6`)."""
    parts = reference(image)
    version = _VERSION.match(parts.tag)
    if not (_PYTHON.match(parts.name) and version and parts.is_official):
        return None
    try:
        specifiers = SpecifierSet(wanted)
    except InvalidSpecifier:
        return None
    minor = next((m for m in _MINORS if specifiers.contains(f"{m}.99")), None)
    if minor is None or not version[0].startswith("3") or minor == ".".join(version[0].split(".")[:2]):
        return None
    variant = parts.tag[version.end() :]
    suite = _VARIANT.search(variant)
    newest = _newest_suite("python", minor)
    if suite and newest and suite["suite"] != newest:
        variant = variant.replace(suite["suite"], newest)
    return parts.with_tag(re.sub(r"-alpine[\d.]+", "-alpine", minor + variant))


def older_release(image: str) -> str | None:
    """For a tag that moves: the newest release that still has Python 2's packages."""
    parts = reference(image)
    if parts.tag not in _FLOATING or not parts.is_official:
        return None
    older = data_file("base_images.json")["older"].get(parts.short)
    return str(older) if older else None


def release_with(packages: Sequence[str], image: str) -> str | None:
    """For a tag without a suite: the same image on the newest Debian release that has all the packages."""
    newest = [r for r in debian_releases(packages[0]) if all(r in debian_releases(p) for p in packages)]
    if not newest:
        return None
    return on_suite(image, newest[-1])


def on_suite(image: str, suite: str) -> str | None:
    """An official image whose tag leaves the Debian release open, on that release, where it is published."""
    parts = reference(image)
    if not parts.is_official or _VARIANT.search(parts.tag) or "alpine" in parts.tag:
        return None
    if parts.short == "debian" and parts.tag in _FLOATING | {"stable-slim"}:
        return parts.with_tag(suite + ("-slim" if "slim" in parts.tag else ""))
    table = [name for _, name in data_file("base_images.json")["newest"].get(parts.short, ())]
    if parts.short != "debian" and suite in table:
        return parts.with_tag(f"{parts.tag}-{suite}".removeprefix("latest-").removeprefix("-"))
    return None


def alpine_with(packages: Sequence[str], image: str) -> str | None:
    """For an unpinned Alpine: the last release that had all the packages, where that is on record."""
    parts = reference(image)
    known = [_alpine_release(name) for name in packages]
    if parts.short != "alpine" or parts.tag not in _FLOATING or not all(known):
        return None
    return parts.with_tag(min((release for release in known if release), key=_numbers))


def served_instead(image: str, release: str) -> str | None:
    """What to build on instead of an image whose release has left the mirrors."""
    closed = data_file("base_images.json")["yum"].get(image) or data_file("base_images.json")["yum"].get(
        reference(image).name
    )
    if closed and not release:
        return str(closed)
    parts, table = reference(image), data_file("base_images.json")
    if release in table["alive"]:
        return None
    if release in table["ubuntu"] and parts.short == "ubuntu":
        return parts.with_tag(_next_ubuntu(str(table["ubuntu"][release])))
    if release not in table["debian"] or not parts.is_official:
        return None
    return _newer_suite(parts, release)


def moved(image: str) -> str | None:
    """Where an image that was never, or is no longer, under this name is found under the same tag."""
    parts = reference(image)
    home = data_file("base_images.json")["moved"].get(parts.name)
    if home:
        return f"{home}:{parts.tag}" if parts.tag else str(home)
    if parts.name == "nvidia/cuda":
        return _cuda(parts)
    swapped = re.fullmatch(r"latest-(slim|alpine)", parts.tag)
    return parts.with_tag(swapped[1]) if swapped and parts.is_official else None


def _cuda(parts: Reference) -> str | None:
    """The same CUDA release with the patch level whose tags were kept."""
    found = re.match(r"(?P<minor>\d+\.\d+)(?:\.\d+)?(?P<rest>-.*)?$", parts.tag)
    kept = data_file("base_images.json")["cuda"].get(found["minor"]) if found else None
    rest = (found["rest"] or "") if found else ""
    if kept is None or ("-ubuntu" not in rest and "-ubi" not in rest):
        return None
    tag = f"{kept}{rest}"
    return parts.with_tag(tag) if tag != parts.tag else None


def suite_exists(image: str) -> str | None:
    """The same image on the newest suite its version was published for, where the tag names a wrong one."""
    parts = reference(image)
    suite, version = _VARIANT.search(parts.tag), _VERSION.match(parts.tag)
    if not (suite and version and parts.is_official):
        return None
    newest = _newest_suite(parts.short, version[0])
    order = data_file("base_images.json")["debian"]
    if newest is None or parts.short == "debian" or not _PLAIN_TAG.match(parts.tag):
        return None
    if 0 <= order.index(newest) - order.index(suite["suite"]) < _KEPT_SUITES:
        return None
    return parts.with_tag(parts.tag.replace(suite["suite"], newest))


def code_names() -> tuple[str, ...]:
    """Of every Debian and Ubuntu release on record."""
    table = data_file("base_images.json")
    return (*table["debian"], *table["ubuntu"])


def _newer_suite(parts: Reference, release: str) -> str | None:
    version = _VERSION.match(parts.tag)
    if parts.short == "debian":
        return parts.with_tag("bookworm" + ("-slim" if "slim" in parts.tag else ""))
    newest = _newest_suite(parts.short, version[0]) if version else None
    order = data_file("base_images.json")["debian"]
    if version is None or newest is None or order.index(newest) < order.index("bullseye"):
        return None
    if _VARIANT.search(parts.tag):
        return parts.with_tag(parts.tag.replace(release, newest))
    minor = ".".join(version[0].split(".")[:2])
    return parts.with_tag(f"{minor}{parts.tag[version.end() :]}-{newest}")


def _newest_suite(name: str, version: str) -> str | None:
    for limit, suite in data_file("base_images.json")["newest"].get(name, ()):
        if _numbers(version)[: len(_numbers(limit))] <= _numbers(limit):
            return str(suite)
    return None


def _next_ubuntu(version: str) -> str:
    """The long-term release that an Ubuntu which is gone is followed by; not older than 18.04."""
    return next(lts for lts in ("18.04", "20.04", "22.04", "24.04") if _numbers(lts) > _numbers(version))


def _alpine_release(package: str) -> str | None:
    table = data_file("base_images.json")["alpine"]
    found = table.get(package) or (table["php7"] if package.startswith("php7-") else None)
    return str(found) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
