"""Who may change a Compose project next: the lane's entries, and what a run hears of its place (I7)."""

from datetime import datetime

from workflows.models.base import Model


class LaneEntry(Model):
    """One run in the lane of its project."""

    run_id: str
    workflow_id: str
    execution_run_id: str
    """The execution that waits; after a reset it is not the first one of its run."""
    since: datetime
    """When it first asked for the lane: the order of the lane, also after the lane itself was lost."""


class LaneStanding(Model):
    """Where one run stands; ``position`` 0 is the holder."""

    position: int = 0
    holder: str | None = None
    """Run id of whoever may change the project now."""

    @property
    def granted(self) -> bool:
        """Whether it is this run's turn."""
        return self.position == 0


class LaneState(Model):
    """What a lane is started with, and hands on when its history has become long."""

    project: str
    entries: tuple[LaneEntry, ...] = ()


class LaneView(Model):
    """The answer of the lane's query ``lane``."""

    project: str
    holder: str | None = None
    waiting: tuple[str, ...] = ()
    """Run ids, the next one first."""


class EnterLaneInput(Model):
    """Ask for the turn; asking again changes nothing but tells the place."""

    lane: str
    """The lane's workflow id."""
    project: str
    entry: LaneEntry


class LeftLane(Model):
    """Nothing to say but that it is done."""


class LeaveLaneInput(Model):
    """Give the turn, or the place in the lane, to the next."""

    lane: str
    run_id: str


class AwaitReleaseInput(Model):
    """Wait while an operator holds the project."""

    run_id: str
    project: str


class AwaitReleaseResult(Model):
    """Still held where the worker stopped first; the workflow asks again."""

    released: bool


class Hold(Model):
    """A pause of one project, or of all, that every worker of the Docker host obeys."""

    project: str
    """``*`` means every project."""
    reason: str
    by: str
    since: datetime

    @property
    def sentence(self) -> str:
        """Who holds what, and why."""
        what = "every project" if self.project == EVERYTHING else f"project {self.project}"
        return f"{self.by} holds {what} since {self.since:%Y-%m-%d %H:%M} UTC: {self.reason}"


EVERYTHING = "*"
"""In place of a project's name: all of them."""
