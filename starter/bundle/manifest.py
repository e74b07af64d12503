"""Reads ``manifest.json`` as what it is: a file from elsewhere, which may lie about everything."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from starter.evidence import PLAIN_NAME
from starter.stored import RUN_ID
from workflows.errors import OrchestratorError
from workflows.models.manifest import MANIFEST_NAME, Manifest, ManifestEntry

LARGEST_MANIFEST: Final = 4 * 1024 * 1024
"""Bytes; that of a run of twenty rounds has a tenth of it."""
MOST_ENTRIES: Final = 10_000
LARGEST_ARTIFACT: Final = 1 << 50
"""Bytes; no size is trusted, this one is not even plausible."""
_SCHEMA: Final = 2
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def manifest_bytes(chunks: Iterable[bytes]) -> bytes:
    """The whole manifest, as long as it is no larger than one can be.

    Raises:
        OrchestratorError: ``bundle_refused``.
    """
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > LARGEST_MANIFEST:
            raise refused(f"{MANIFEST_NAME} is larger than {LARGEST_MANIFEST} bytes")
    return bytes(data)


def read_manifest(data: bytes) -> Manifest:
    """The manifest these bytes are.

    Raises:
        OrchestratorError: ``bundle_refused``: no manifest of this version, or one whose names, sizes or
            checksums cannot be those of evidence.
    """
    try:
        manifest = Manifest.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise refused(f"{MANIFEST_NAME} is not one: {where}: {first['msg']}") from None
    problem = _problem(manifest)
    if problem is not None:
        raise refused(f"{MANIFEST_NAME}: {problem}")
    return manifest


def refused(detail: str) -> OrchestratorError:
    """What is no bundle that could be checked."""
    return OrchestratorError("bundle_refused", detail=detail)


def _problem(manifest: Manifest) -> str | None:
    if manifest.schema_version != _SCHEMA:
        return f"its schema_version is {manifest.schema_version}, this command knows {_SCHEMA}"
    if not RUN_ID.fullmatch(manifest.run_id):
        return "its run_id is no run id"
    if len(manifest.artifacts) > MOST_ENTRIES:
        return f"it names more than {MOST_ENTRIES} artifacts"
    names = Counter(entry.name for entry in manifest.artifacts)
    twice = [f"it names {name[:80]!r} twice" for name, count in names.items() if count > 1]
    problems = (*filter(None, map(_entry_problem, manifest.artifacts)), *twice)
    return problems[0] if problems else None


def _entry_problem(entry: ManifestEntry) -> str | None:
    if not PLAIN_NAME.fullmatch(entry.name) or entry.name == MANIFEST_NAME:
        return f"{entry.name[:80]!r} is no artifact's name"
    if not 0 <= entry.size_bytes <= LARGEST_ARTIFACT:
        return f"the size of {entry.name} is impossible"
    if not _SHA256.fullmatch(entry.sha256):
        return f"the sha256 of {entry.name} is none"
    return None
