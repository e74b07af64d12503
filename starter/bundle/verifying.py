"""Checks a bundle against its manifest, and the manifest against the run's own result (SPEC FR-011, I6).

altered, missing, not a file        -> the bundle does not hold
unknown, but named as evidence is   -> does not hold either: somebody put it there to be believed
unknown otherwise (notes, *.part)   -> named, harmless
never stored (the manifest says so) -> named; the bundle holds, but is not complete
"""

import hashlib
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from starter.bundle.manifest import manifest_bytes, read_manifest, refused
from starter.bundle.places import Place
from workflows.models.base import Model
from workflows.models.manifest import MANIFEST_NAME, Manifest, ManifestEntry

_EVIDENCE: Final = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[0-9]+)?\.(?:json|jsonl|log|diff|patch|html)")
"""Names that the orchestrator gives."""


class FileVerdict(StrEnum):
    """What became of one file."""

    INTACT = "intact"
    ALTERED = "altered"
    MISSING = "missing"
    NOT_A_FILE = "not a file"
    UNREADABLE = "unreadable"
    UNKNOWN_EVIDENCE = "unknown evidence"
    """Not in the manifest, but named as evidence is."""
    OTHER = "other file"
    NEVER_STORED = "never stored"


_HARMLESS: Final = frozenset({FileVerdict.INTACT, FileVerdict.OTHER, FileVerdict.NEVER_STORED})


class CheckedFile(Model):
    """One file and what was found."""

    name: str
    verdict: FileVerdict
    detail: str = ""


class AnchorState(StrEnum):
    """Whether the manifest itself is what the run said it is."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_CHECKED = "not checked"


class Anchor(Model):
    """What the manifest was compared with."""

    state: AnchorState
    words: str
    """``run result``, or why nothing could be compared."""


class BundleCheck(Model):
    """What was found; ``sound`` is the answer."""

    run_id: str
    place: str
    manifest_sha256: str
    anchor: Anchor
    files: tuple[CheckedFile, ...]
    sound: bool
    complete: bool
    """Whether the run stored every artifact it made, and all are here."""


class ReadManifest(Model):
    """A manifest that was read, with the checksum of its bytes."""

    manifest: Manifest
    sha256: str


def manifest_of(place: Place) -> ReadManifest:
    """The place's manifest.

    Raises:
        OrchestratorError: ``bundle_refused``, and what the place raises.
    """
    try:
        data = manifest_bytes(place.chunks(MANIFEST_NAME))
    except FileNotFoundError:
        raise refused(f"{place.words} has no {MANIFEST_NAME}") from None
    except OSError as error:
        raise refused(f"{MANIFEST_NAME} cannot be read: {error}") from None
    return ReadManifest(manifest=read_manifest(data), sha256=hashlib.sha256(data).hexdigest())


def check_bundle(place: Place, read: ReadManifest, anchor: Anchor) -> BundleCheck:
    """Check every file against the manifest; no file is held in memory.

    Raises:
        OrchestratorError: what the place raises.
    """
    sizes = place.sizes()
    files = (*_expected(place, read.manifest, sizes), *_unexpected(read.manifest, sizes))
    whole = {FileVerdict.INTACT, FileVerdict.OTHER}
    return BundleCheck(
        run_id=read.manifest.run_id,
        place=place.words,
        manifest_sha256=read.sha256,
        anchor=anchor,
        files=files,
        sound=anchor.state is not AnchorState.BROKEN and all(f.verdict in _HARMLESS for f in files),
        complete=all(file.verdict in whole for file in files),
    )


def _expected(place: Place, manifest: Manifest, sizes: dict[str, int | None]) -> Iterator[CheckedFile]:
    for entry in manifest.artifacts:
        if entry.name not in sizes:
            yield _absent(entry)
        elif entry.missing:
            detail = "the manifest says that it could not be stored, yet it is here"
            yield CheckedFile(name=entry.name, verdict=FileVerdict.UNKNOWN_EVIDENCE, detail=detail)
        else:
            yield _checked(place, entry, sizes[entry.name])


def _absent(entry: ManifestEntry) -> CheckedFile:
    if entry.missing:
        detail = "neither store nor spool took it at the time"
        return CheckedFile(name=entry.name, verdict=FileVerdict.NEVER_STORED, detail=detail)
    return CheckedFile(name=entry.name, verdict=FileVerdict.MISSING)


def _checked(place: Place, entry: ManifestEntry, size: int | None) -> CheckedFile:
    if size is None:
        detail = "a link, a directory or a device; it was not followed"
        return CheckedFile(name=entry.name, verdict=FileVerdict.NOT_A_FILE, detail=detail)
    if size != entry.size_bytes:  # said without reading it, however large it is
        detail = f"{size} bytes, the manifest says {entry.size_bytes}"
        return CheckedFile(name=entry.name, verdict=FileVerdict.ALTERED, detail=detail)
    digest, left = hashlib.sha256(), entry.size_bytes
    try:
        for chunk in place.chunks(entry.name):
            digest.update(chunk)
            left -= len(chunk)
            if left < 0:  # it grows while it is read
                break
    except OSError as error:
        return CheckedFile(name=entry.name, verdict=FileVerdict.UNREADABLE, detail=str(error))
    if digest.hexdigest() != entry.sha256:
        detail = f"sha256 {digest.hexdigest()}, the manifest says {entry.sha256}"
        return CheckedFile(name=entry.name, verdict=FileVerdict.ALTERED, detail=detail)
    return CheckedFile(name=entry.name, verdict=FileVerdict.INTACT)


def _unexpected(manifest: Manifest, sizes: dict[str, int | None]) -> Iterator[CheckedFile]:
    known = {entry.name for entry in manifest.artifacts} | {MANIFEST_NAME}
    for name in sorted(sizes.keys() - known):
        if _EVIDENCE.fullmatch(name):
            detail = "named as evidence is, but the manifest does not know it"
            yield CheckedFile(name=name, verdict=FileVerdict.UNKNOWN_EVIDENCE, detail=detail)
        else:
            yield CheckedFile(name=name, verdict=FileVerdict.OTHER, detail="not part of the bundle")
