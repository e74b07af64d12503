"""The policy's rules about when, how often and how boldly a run may act (SPEC FR-003, FR-009)."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from workflows.models.base import Model
from workflows.models.request import Identity, ProjectName, ServiceName


def _inside(glob: str) -> str:
    """A pattern that could leave the workspace is refused when it is read (I1)."""
    if glob.startswith("/") or "\\" in glob or ".." in glob.split("/"):
        raise ValueError("the pattern leaves the workspace")
    return glob


Glob = Annotated[str, AfterValidator(_inside), Field(min_length=1)]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class PolicyModel(BaseModel):
    """A part of the policy file: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RiskRule(StrEnum):
    """What makes a plan need an approval although its service is not protected."""

    UNKNOWN_PACKAGE = "unknown_package"
    """It installs a package that the knowledge base does not have."""
    YOUNG_PACKAGE = "young_package"
    """It installs a package that first appeared on its index less than ``min_package_age_days`` ago."""
    SIMILAR_NAME = "similar_name"
    """It installs a package whose name is easily taken for a well-known one."""
    BASE_IMAGE_CHANGE = "base_image_change"
    """It builds the service from another image than before."""
    DOCKERFILE_BEYOND_PACKAGES = "dockerfile_beyond_packages"
    """It changes a Dockerfile in another way than by adding packages to install."""
    SHARED_IMAGE = "shared_image"
    """It builds an image that another service runs too."""
    SHARED_MANIFEST = "shared_manifest"
    """It changes a file that another service is built from too."""
    UNDEPLOYED_CHANGES = "undeployed_changes"
    """The build would ship files that are newer than the running image."""
    LLM = "llm"
    """A language model proposed it."""
    OPERATOR_PATCH = "operator_patch"
    """It applies a patch that came with the request."""


DEFAULT_RISKS = (
    RiskRule.YOUNG_PACKAGE,
    RiskRule.SIMILAR_NAME,
    RiskRule.SHARED_IMAGE,
    RiskRule.SHARED_MANIFEST,
    RiskRule.LLM,
)
RISK_NAMES = ", ".join(RiskRule)


class Weekday(StrEnum):
    """A day of the week, as the policy spells it."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class MaintenanceWindow(PolicyModel):
    """When a run may change something; an end that is not after the start is on the next day."""

    days: tuple[Weekday, ...] = Field(
        default=tuple(Weekday), description="a list of mon, tue, wed, thu, fri, sat, sun"
    )
    """Days on which the window opens."""
    start: ClockTime = Field(description='a time of day such as "22:00", in quotes')
    end: ClockTime = Field(description='a time of day such as "04:00", in quotes')
    timezone: str = Field(
        default="UTC", min_length=1, description="a name of the time zone database, such as Europe/Berlin"
    )


class Override(PolicyModel):
    """A passing exception, with a reason and an end; it widens rules and never lifts an approval."""

    project: ProjectName = Field(description="a project of this policy")
    service: ServiceName | None = Field(default=None, description="a service; left out: every service")
    allow: tuple[Glob, ...] = Field(
        default=(), description="globs relative to the workspace, such as api/settings/*.toml"
    )
    repairs_per_day: int | None = Field(default=None, ge=1, description="a number, 1 or more")
    ignore_maintenance_windows: bool = Field(default=False, description="true or false")
    until: AwareDatetime = Field(description="an instant with its zone, such as 2030-01-31T18:00:00+01:00")
    reason: Reason = Field(description="a sentence that says why")
    by: Identity = Field(description="who decided it")


class Permission(Model):
    """When and how often this run may write: pinned at preflight, asked again before the first write."""

    repairs_per_day: int | None = None
    """Runs on this service within 24 hours, this one included; None: no limit."""
    windows: tuple[MaintenanceWindow, ...] = ()
    """Empty: at any time."""
    valid_until: AwareDatetime | None = None
    """When the first override that this run rests on ends."""
