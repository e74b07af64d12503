"""A whole bundle in a folder: manifest, report and logs, with real checksums."""

import hashlib
import json
from pathlib import Path

from tests.unit.record_samples import RUN_ID
from workflows.models.manifest import MANIFEST_NAME, Manifest, ManifestEntry

FILES = {
    "analyze.log": b"yaml is missing\n",
    "build.log": b"#1 FROM python\n" * 1000,
    "build.2.log": b"",
    "patch.diff": b"--- a/x\n+++ b/x\n",
    "report.json": b"{}\n",
}


def entries(files: dict[str, bytes]) -> list[ManifestEntry]:
    """What a manifest says about these files."""
    return [
        ManifestEntry(
            name=name,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            content_type="text/plain",
        )
        for name, data in files.items()
    ]


def manifest_of(files: dict[str, bytes], run_id: str = RUN_ID) -> bytes:
    """The manifest of these files, as the report step writes it."""
    document = Manifest(run_id=run_id, artifacts=tuple(entries(files)))
    return document.model_dump_json(indent=2).encode() + b"\n"


def bundle(folder: Path, files: dict[str, bytes] | None = None, run_id: str = RUN_ID) -> Path:
    """Write the files and their manifest."""
    files = FILES if files is None else files
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST_NAME).write_bytes(manifest_of(files, run_id))
    return folder


def lying_manifest(folder: Path, *, copies: int = 0, **changes: object) -> None:
    """Change fields of the manifest, or with ``entry`` of its first entry; or add copies of that one."""
    path = folder / MANIFEST_NAME
    document = json.loads(path.read_text())
    entry = changes.pop("entry", None)
    if isinstance(entry, dict):
        document["artifacts"][0] |= entry
    document["artifacts"] += document["artifacts"][:1] * copies
    path.write_text(json.dumps(document | changes))
