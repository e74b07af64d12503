"""The store of a worker without an object store: ``<root>/spec_workflows/<run_id>/<name>``."""

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from activities.adapters.depot import Evidence, Found, Mirror, checked, checksum_of, is_name
from activities.adapters.durable import make_directory, sync_directory
from activities.adapters.state_dir import safe_name
from workflows.models.artifact import ARTIFACT_NAMESPACE


@dataclass(frozen=True)
class DirectoryDepot:
    """A local directory; files are 0600 and appear whole."""

    root: Path
    patience: float | None = None

    @property
    def place(self) -> str:
        """The directory."""
        return str(self.root)

    def path(self, run_id: str, name: str) -> Path:
        """Where an artifact lies, or would."""
        return self.root / ARTIFACT_NAMESPACE / safe_name(run_id) / checked(name)

    def keep(self, evidence: Evidence, source: BinaryIO, *, patient: bool = False) -> None:  # noqa: ARG002
        """Copy whole, make it durable, then give it its name: a crash leaves the old one or the new one."""
        target = self.path(evidence.run_id, evidence.name)
        make_directory(target.parent)
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(fd)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(target.parent)

    def find(self, run_id: str, name: str) -> Found | None:
        """By its file's content."""
        path = self.path(run_id, name)
        return Found(*checksum_of(path)) if path.is_file() else None

    def names(self, run_id: str) -> tuple[str, ...]:
        """Files of the run's directory."""
        directory = self.root / ARTIFACT_NAMESPACE / safe_name(run_id)
        if not directory.is_dir():
            return ()
        return tuple(sorted(path.name for path in directory.iterdir() if is_name(path.name)))

    def read(self, run_id: str, name: str, last_bytes: int | None = None) -> bytes:
        """The file, or its end."""
        with self.path(run_id, name).open("rb") as file:
            if last_bytes is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - last_bytes))
            return file.read()

    def uri(self, run_id: str, name: str) -> str:
        """``file:///...``."""
        return self.path(run_id, name).absolute().as_uri()

    def link(self, run_id: str, name: str) -> str:  # noqa: ARG002 - no browser reads a worker's disk
        """Nowhere."""
        return ""

    def mirror(self, run_id: str, name: str) -> Mirror | None:  # noqa: ARG002 - the spooled file is seen
        """None is needed: what grows is a file on the same machine."""
        return None

    def too_slow(self) -> OSError:
        """Never: a disk is waited for."""
        return OSError("the disk is slow")

    def check(self) -> str:
        """A file can be made there."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=".mm-orchestrator-") as file:
            file.write(b"probe")
            file.flush()
        return f"directory {self.root}"
