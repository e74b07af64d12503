"""What a diagnosis would change, as a diff: made in memory from the files that are there, nothing written."""

from __future__ import annotations

from pathlib import Path

from activities.adapters.unified_diff import make_diff
from activities.diagnosis.answers import Diagnosis
from activities.diagnosis.evidence import Evidence
from activities.diagnosis.source_tree import read_text
from activities.manifests.edit_files import EditedFiles
from activities.manifests.errors import ManifestError
from workflows.errors import OrchestratorError


def preview(diagnosis: Diagnosis, evidence: Evidence) -> str:
    """The diff that all findings make together; '' without a context, or where a file is missing."""
    root = evidence.workspace or evidence.context
    if root is None:
        return ""
    files = EditedFiles(lambda path: _inside(root, path), evidence.build_target or None)
    try:
        files.apply(diagnosis.findings)
        return "".join(make_diff(path, old, new) for path, (old, new) in files.changed().items())
    except (ManifestError, OrchestratorError):
        return ""


def _inside(root: Path, path: str) -> bytes | None:
    """A regular file below the root, None for anything else."""
    full = root / path
    if not full.resolve().is_relative_to(root.resolve()):
        return None
    text = read_text(full)
    return None if text is None else text.encode()
