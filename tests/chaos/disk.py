"""The state directory on a small disk of its own, which a fault can fill; and an artifact store that goes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SIZE = "256m"
_BALLAST = "ballast"
_BLOCK = b"\0" * 65536


@dataclass
class SmallDisk:
    """A tmpfs at ``place``."""

    place: Path
    size: str = SIZE

    @property
    def state(self) -> Path:
        """The state directory; the ballast lies beside it, not in it."""
        return self.place / "state"

    def mount(self) -> None:
        """Mount it."""
        self.place.mkdir(parents=True)
        options = f"size={self.size},mode=0700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "mm-chaos", str(self.place)], check=True)

    def unmount(self) -> None:
        """Unmount it, whoever still uses it."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=False, capture_output=True)

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.place / _BALLAST).open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(_BLOCK)
            except OSError:
                pass
            for size in (4096, 512, 1):
                try:
                    while ballast.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Give the space back."""
        (self.place / _BALLAST).unlink(missing_ok=True)


@dataclass
class Store:
    """The local artifact store of a state directory."""

    state: Path

    def take_away(self) -> None:
        """A file stands where the directory was: nothing can be stored there."""
        artifacts = self.state / "artifacts"
        if artifacts.is_dir():
            os.rename(artifacts, self.state / "artifacts.away")  # noqa: PTH104 - one atomic step
        artifacts.write_text("the store is gone\n")

    def bring_back(self) -> None:
        """As it was, with all it held."""
        artifacts, away = self.state / "artifacts", self.state / "artifacts.away"
        if artifacts.is_file():
            artifacts.unlink()
        if away.is_dir():
            os.rename(away, artifacts)  # noqa: PTH104
