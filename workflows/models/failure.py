"""Why a run or a step ended otherwise than hoped."""

from workflows.models.artifact import RunArtifact
from workflows.models.base import Model
from workflows.models.status import StepName


class Failure(Model):
    """One entry of the error catalogue as it happened in one run."""

    code: str
    step: StepName
    message: str
    remedy: str = ""
    artifacts: tuple[str, ...] = ()
    """Names of the artifacts that show it."""


class StepFailure(Model):
    """What a failing activity hands to the workflow: the failure and the evidence stored so far."""

    failure: Failure
    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()
