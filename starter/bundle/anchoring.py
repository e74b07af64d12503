"""Compares a manifest with what Temporal holds of the run: its result names the manifest's SHA-256.

A bundle alone proves that it was not damaged. That nobody made all of it anew is proved by the anchor,
which is kept elsewhere: the run's result or, where the run was lost, that of the guard who settled it. Where
it cannot be had, that is said, never passed over.
"""

import asyncio

from starter.bundle.verifying import Anchor, AnchorState, ReadManifest
from starter.reading import RunReader
from workflows.errors import OrchestratorError
from workflows.models.manifest import MANIFEST_NAME
from workflows.models.record import RunRecord


def anchor_in(record: RunRecord | None, read: ReadManifest) -> Anchor:
    """The manifest against the run's own claim in Temporal; None: Temporal holds none."""
    if record is None:
        return not_checked("Temporal holds no result of this run")
    named = next((a for a in record.artifacts if a.name == MANIFEST_NAME), None)
    if named is None:
        return not_checked("the run's result names no manifest")
    return compared(read, named.sha256, "run result")


def compared(read: ReadManifest, sha256: str, who: str) -> Anchor:
    """The manifest against the checksum that somebody outside the bundle names."""
    if sha256 == read.sha256:
        return Anchor(state=AnchorState.HOLDS, words=who)
    words = f"{who}: it names a manifest with sha256 {sha256}"
    return Anchor(state=AnchorState.BROKEN, words=words)


async def find_anchor(reader: RunReader, read: ReadManifest) -> Anchor:
    """The anchor of a manifest, as far as Temporal answers. Raises nothing of the catalogue."""
    run_id = read.manifest.run_id
    try:
        claim = await reader.own_claim(await reader.locate(run_id))
        anchor = anchor_in(claim, read)
        if anchor.state is not AnchorState.HOLDS:
            guards = await reader.guards_manifest(run_id)
            anchor = anchor if guards is None else compared(read, guards, "guard's result")
    except OrchestratorError as error:
        unknown = error.code == "unknown_run"
        return not_checked("Temporal does not know the run" if unknown else "Temporal does not answer")
    if anchor.state is AnchorState.BROKEN and await _settled_later(reader, run_id, claim):
        return not_checked("the run was settled after its workflow had ended, which made a new manifest")
    return anchor


async def _settled_later(reader: RunReader, run_id: str, claim: RunRecord | None) -> bool:
    """Whether a recovery or a guard made the report anew after the workflow had ended."""
    try:
        stored = await asyncio.to_thread(reader.reports.fetch, run_id)
    except OrchestratorError:
        return False
    ended, settled = claim and claim.completed_at, stored and stored.completed_at
    return bool(ended and settled and settled > ended)


def not_checked(why: str) -> Anchor:
    """Nothing could be compared."""
    return Anchor(state=AnchorState.NOT_CHECKED, words=why)
