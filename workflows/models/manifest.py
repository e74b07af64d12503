"""``manifest.json``: what makes a run's evidence a bundle that can be checked without us (I6)."""

from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.base import Model
from workflows.models.status import StepName

MANIFEST_NAME = "manifest.json"


class ManifestEntry(Model):
    """One artifact; enough to check a downloaded bundle without anything else."""

    name: str
    type: str = ""
    step: StepName = StepName.REPORT
    """Which step made it."""
    round: int = 1
    sha256: str
    size_bytes: int
    content_type: str
    missing: bool = False
    """Neither store nor spool took it, so that the run ended without it.

    Whether it was delivered already is not said: a manifest never changes, and is delivered last.
    """


class Manifest(Model):
    """Every artifact of a run with its checksum, but the manifest itself.

    Its own checksum is in the run's result, under its name.
    """

    schema_version: int = 2
    run_id: str
    artifacts: tuple[ManifestEntry, ...]

    def entry(self, name: str) -> ManifestEntry | None:
        """The entry of one artifact."""
        return next((entry for entry in self.artifacts if entry.name == name), None)


def manifest_entry(artifact: RunArtifact, step: StepName, round_number: int) -> ManifestEntry:
    """The entry that stands for an artifact."""
    return ManifestEntry(
        name=artifact.name,
        type=artifact.type,
        step=step,
        round=round_number,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        content_type=artifact.content_type,
        missing=artifact.state is ArtifactState.MISSING,
    )
