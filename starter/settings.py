"""What a client needs to know from its environment; an empty variable counts as unset."""

import getpass
import os
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

SECRETS_DIR = Path("/run/secrets")
"""Where Docker and Compose put secrets."""


class StarterSettings(BaseSettings):
    """Where Temporal is, where this machine keeps its runs, and who asks.

    Every field is read from exactly one environment variable (its alias) and may be given by name in code.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True, env_file=None
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library calls it so
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Code, then the environment, then files named after the variables they hold."""
        place = Path(os.environ.get("MM_ORCHESTRATOR_SECRETS_DIR") or SECRETS_DIR)
        files = (SecretsSettingsSource(settings_cls, place),) if place.is_dir() else ()
        return (init_settings, env_settings, *files)

    secrets_dir: Path = Field(default=SECRETS_DIR, validation_alias="MM_ORCHESTRATOR_SECRETS_DIR")
    """Files there, named after the variables of this class, hold what is not in the environment."""
    temporal_address: str | None = Field(default=None, validation_alias="TEMPORAL_ADDRESS")
    """``host:port``; None: what a running ``mm-orchestrator dev`` wrote down, else localhost:7233."""
    temporal_namespace: str = Field(default="default", validation_alias="TEMPORAL_NAMESPACE")
    task_queue: str = Field(default="mm.orchestrator", validation_alias="MM_ORCHESTRATOR_TASK_QUEUE")
    """Where the workers of the lifecycle listen."""
    configured_state_dir: Path | None = Field(default=None, validation_alias="MM_ORCHESTRATOR_STATE_DIR")
    xdg_state_home: Path | None = Field(default=None, validation_alias="XDG_STATE_HOME")
    user: str | None = Field(default=None, validation_alias="MM_ORCHESTRATOR_USER")
    """Who asks and approves, where a command does not say; None: the operating system's user."""

    s3_endpoint: str | None = Field(
        default=None, validation_alias=AliasChoices("TEMPORAL_ARTIFACT_S3_ENDPOINT", "MINIO_ENDPOINT")
    )
    """``host:port`` of the object store, or its http(s) address; None: evidence stays on this machine."""
    s3_bucket: str = Field(
        default="mm-orchestrator",
        validation_alias=AliasChoices("TEMPORAL_ARTIFACT_S3_BUCKET", "MINIO_BUCKET"),
    )
    s3_access_key: str = Field(
        default="", validation_alias=AliasChoices("TEMPORAL_ARTIFACT_S3_ACCESS_KEY_ID", "MINIO_ACCESS_KEY")
    )
    s3_secret_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("TEMPORAL_ARTIFACT_S3_SECRET_ACCESS_KEY", "MINIO_SECRET_KEY"),
    )
    s3_region: str = Field(default="us-east-1", validation_alias="TEMPORAL_ARTIFACT_S3_REGION")
    s3_use_ssl: bool = Field(default=False, validation_alias="TEMPORAL_ARTIFACT_S3_USE_SSL")
    """Only where the endpoint does not say it by itself (``https://...``)."""

    artifact_public_endpoint: str | None = Field(
        default=None, validation_alias="MM_ORCHESTRATOR_ARTIFACT_PUBLIC_ENDPOINT"
    )
    """Where browsers reach the store, for links that open; None: as everybody else."""

    debug: str | None = Field(default=None, validation_alias="MM_ORCHESTRATOR_DEBUG")
    """Anything: an unexpected error shows its traceback."""

    @property
    def state_dir(self) -> Path:
        """The state directory: configured, else /var/lib for root, else the XDG state directory."""
        if self.configured_state_dir is not None:
            return self.configured_state_dir.expanduser().absolute()
        if os.geteuid() == 0:
            return Path("/var/lib/mm-orchestrator")
        xdg = self.xdg_state_home
        # The XDG specification: a relative path there is invalid and must be ignored.
        base = xdg if xdg is not None and xdg.is_absolute() else Path.home() / ".local" / "state"
        return base / "mm-orchestrator"

    @property
    def identity(self) -> str:
        """Who this person is to the orchestrator (SPEC FR-009): self-asserted, policy decides what counts."""
        return self.user or _os_user()


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a passwd entry, as in many containers
        return f"uid:{os.getuid()}"
