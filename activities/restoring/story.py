"""``rollback.log``: what was done, in plain sentences, with everything Compose said."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from activities.adapters.artifact_store import ArtifactStore, ArtifactWriter
from activities.adapters.redaction import Redactor
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact


async def continue_story(artifacts: ArtifactStore, run_id: str, name: str, redactor: Redactor) -> "Story":
    """A story that goes on after what an earlier attempt told: evidence is never overwritten (I6)."""
    told = b""
    if (earlier := await artifacts.existing(run_id, name)) is not None:
        with suppress(OrchestratorError):
            told = await artifacts.read(earlier)
    writer = artifacts.open(run_id, name)
    writer.write(told)
    return Story(writer, redactor)


class Story:
    """Writes as it goes, masked (I5); a reader sees each line at once."""

    def __init__(self, writer: ArtifactWriter, redactor: Redactor) -> None:
        self._writer = writer
        self._redactor = redactor
        self._stream = redactor.stream()

    def say(self, sentence: str) -> None:
        """One sentence, with the time in UTC."""
        self._flush()
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._writer.write(f"{at} {self._redactor.text(sentence)}\n".encode("utf-8", "replace"))

    def table(self, lines: Iterable[str]) -> None:
        """Aligned lines as they are, after an empty one."""
        self._flush()
        text = "\n".join(("", *lines, ""))
        self._writer.write(self._redactor.text(text).encode("utf-8", "replace"))

    def sink(self, data: bytes) -> None:
        """Output of a command, as it arrives."""
        self._writer.write(self._stream.feed(data))

    async def close(self) -> RunArtifact:
        """Store it."""
        self._flush()
        return await self._writer.close()

    def _flush(self) -> None:
        if rest := self._stream.finish():
            self._writer.write(rest if rest.endswith(b"\n") else rest + b"\n")
        self._stream = self._redactor.stream()
