"""Project files back to their pre-images, byte for byte with mode and owner; never over others' work (I8)."""

from dataclasses import dataclass, field

from activities.adapters.journal import Guard, Journal, JournalEntry
from activities.adapters.workspace import FileImage, Workspace
from activities.restoring.story import Story
from workflows.errors import OrchestratorError
from workflows.models.record import FileTouched

_SOMEBODY_ELSES = {"foreign_change", "diff_not_allowed", "diff_invalid"}


@dataclass
class FilesRestored:
    """What became of each file."""

    touched: list[FileTouched] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """Paths that somebody else changed; what they wrote was kept."""
    problems: list[str] = field(default_factory=list)


def restore_files(journal: Journal, guard: Guard, story: Story) -> FilesRestored:
    """Give every file of the journal its pre-image, where it still holds what this run wrote.

    Blocking. A file that cannot be written is a problem of its own; the others go on.

    Raises:
        OrchestratorError: ``journal_settled``; ``journal_unreadable`` where a pre-image is damaged.
    """
    workspace = Workspace(journal.target)
    result = FilesRestored()
    for entry in journal.entries:
        try:
            story.say(_restore(entry, journal, guard, workspace))
        except OrchestratorError as error:
            if error.code in _SOMEBODY_ELSES:
                result.foreign.append(entry.path)
                story.say(f"{entry.path} was changed by somebody else; it is left as it is.")
            elif error.code == "write_failed":
                result.problems.append(error.message)
                story.say(error.message)
            else:
                raise
        touched = FileTouched(path=entry.path, before=entry.before, after=_hash_now(workspace, entry))
        result.touched.append(touched)
    return result


def _restore(entry: JournalEntry, journal: Journal, guard: Guard, workspace: Workspace) -> str:
    guard.check()
    file = workspace.resolve(entry.path)
    if file.resolved != entry.resolved:
        raise OrchestratorError("foreign_change", path=entry.path)
    workspace.sweep(entry.path, entry.before, entry.written)
    current = workspace.inspect(entry.path).sha256
    if current == entry.before:
        return f"{entry.path} is as it was before the run."
    if current is None or current not in entry.written:
        raise OrchestratorError("foreign_change", path=entry.path)
    data = guard.store.pre_image(journal, entry.path)
    if data is None:
        workspace.remove(entry.path, current)
        return f"{entry.path} did not exist before the run; it was removed."
    workspace.write_atomic(entry.path, FileImage(data, entry.mode, entry.uid, entry.gid), current)
    return f"{entry.path} was restored byte for byte."


def _hash_now(workspace: Workspace, entry: JournalEntry) -> str | None:
    try:
        return workspace.hash(entry.path)
    except OrchestratorError:  # it leads elsewhere now; it was reported
        return None
