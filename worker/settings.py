"""What the worker needs to know from its environment; an empty variable counts as unset."""

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError

from worker.notify_settings import NotifySettings
from workflows.errors import OrchestratorError

DEFAULT_TASK_QUEUE: Final = "mm.orchestrator"
_STATSD_PREFIX: Final = "moonmind.orchestrator"
_STATSD_HOST: Final = AliasChoices("ORCHESTRATOR_STATSD_HOST", "SPEC_WORKFLOW_METRICS_HOST", "STATSD_HOST")
_STATSD_PORT: Final = AliasChoices("ORCHESTRATOR_STATSD_PORT", "SPEC_WORKFLOW_METRICS_PORT", "STATSD_PORT")


class LogFormat(StrEnum):
    """How log lines look; ``auto`` is console on a terminal, else JSON."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


def _absolute(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute():
        raise ValueError("the path must be absolute")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
QueueName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
Port = Annotated[int, Field(ge=1, le=65535)]


def _http_address(address: str) -> str:
    """An address with nothing hidden in it: no login, no query."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the address must begin with http:// or https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the address must have no login, query or fragment; the key has its own variable")
    return address


HttpAddress = Annotated[str, AfterValidator(_http_address)]


def _store_address(address: str) -> str:
    """``host:port``, or an http(s) address of nothing but a host: the bucket and the login are elsewhere."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.scheme not in {"", "http", "https"} or not parts.hostname:
        raise ValueError("the address must be host:port, or begin with http:// or https://")
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("the address must have no login and no path; they have variables of their own")
    _ = parts.port  # raises where it is no number
    return address


StoreAddress = Annotated[str, AfterValidator(_store_address)]
# S3's rules; an underscore is what people try first.
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
_S3_ENDPOINT: Final = AliasChoices("TEMPORAL_ARTIFACT_S3_ENDPOINT", "MINIO_ENDPOINT")
_S3_BUCKET: Final = AliasChoices("TEMPORAL_ARTIFACT_S3_BUCKET", "MINIO_BUCKET")


class WorkerSettings(NotifySettings):
    """The starter's settings, and what only a worker has: policy, host, queues, logs, metrics."""

    configured_policy: AbsolutePath | None = Field(default=None, validation_alias="MM_ORCHESTRATOR_POLICY")
    project_dir: AbsolutePath | None = Field(default=None, validation_alias="MM_ORCHESTRATOR_PROJECT_DIR")
    """The Compose project that a worker without a policy serves."""
    host: QueueName | None = Field(default=None, validation_alias="MM_ORCHESTRATOR_HOST")
    """The Docker host this worker serves; None: the Docker daemon's Name."""
    task_queue: QueueName = Field(default=DEFAULT_TASK_QUEUE, validation_alias="MM_ORCHESTRATOR_TASK_QUEUE")
    """Queue of the workflow; the activities of a host are on ``<task queue>.<host>``."""
    graceful_shutdown_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=8.0, validation_alias="MM_ORCHESTRATOR_GRACEFUL_SHUTDOWN_SECONDS"
    )
    """How long running steps may go on at a stop; shorter than the container's stop grace period."""
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="MM_ORCHESTRATOR_LOG_LEVEL"
    )
    log_format: LogFormat = Field(default=LogFormat.AUTO, validation_alias="MM_ORCHESTRATOR_LOG_FORMAT")
    deployment_lock_dir: AbsolutePath | None = Field(
        default=None, validation_alias="MOONMIND_DEPLOYMENT_LOCK_DIR"
    )
    """Where MoonMind's deployment updater keeps its locks, which are honoured."""
    statsd_host: str | None = Field(default=None, validation_alias=_STATSD_HOST)
    statsd_port: Port = Field(default=8125, validation_alias=_STATSD_PORT)
    statsd_prefix: str = Field(default=_STATSD_PREFIX, validation_alias="SPEC_WORKFLOW_METRICS_PREFIX")
    statsd_enabled: bool = Field(default=True, validation_alias="SPEC_WORKFLOW_METRICS_ENABLED")

    s3_endpoint: StoreAddress | None = Field(default=None, validation_alias=_S3_ENDPOINT)
    s3_bucket: BucketName = Field(default="mm-orchestrator", validation_alias=_S3_BUCKET)
    artifact_public_endpoint: StoreAddress | None = Field(
        default=None, validation_alias="MM_ORCHESTRATOR_ARTIFACT_PUBLIC_ENDPOINT"
    )
    """Where browsers reach the store, for the links in run records; None: as the worker does."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=90, validation_alias="MM_ORCHESTRATOR_RETENTION_DAYS"
    )
    """How long the object store keeps evidence, and ``clean`` what settled runs left on this machine."""

    llm_url: HttpAddress | None = Field(default=None, validation_alias="MM_ORCHESTRATOR_LLM_URL")
    """Of an API that speaks OpenAI's protocol, without ``/chat/completions``; None: no model is asked."""
    llm_model: str = Field(default="", max_length=200, validation_alias="MM_ORCHESTRATOR_LLM_MODEL")
    llm_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="MM_ORCHESTRATOR_LLM_API_KEY")
    llm_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = Field(
        default=60.0, validation_alias="MM_ORCHESTRATOR_LLM_TIMEOUT_SECONDS"
    )
    """Of one question with its answer; the analyze step may take 300 s."""
    llm_max_tokens: Annotated[int, Field(ge=100, le=8000)] = Field(
        default=1000, validation_alias="MM_ORCHESTRATOR_LLM_MAX_TOKENS"
    )
    """Of one answer."""
    llm_max_calls_per_run: Annotated[int, Field(ge=1, le=20)] = Field(
        default=2, validation_alias="MM_ORCHESTRATOR_LLM_MAX_CALLS_PER_RUN"
    )
    llm_max_calls_per_day: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=50, validation_alias="MM_ORCHESTRATOR_LLM_MAX_CALLS_PER_DAY"
    )

    @property
    def secret_values(self) -> frozenset[str]:
        """Values of ours that nothing may show, wherever they were read from (I5)."""
        held = (self.s3_secret_key, self.llm_api_key)
        return self.notify_secrets | {value.get_secret_value() for value in held if value.get_secret_value()}

    @property
    def policy_path(self) -> Path | None:
        """The policy file; None where none is named and the state directory holds none."""
        if self.configured_policy is not None:
            return self.configured_policy
        default = self.state_dir / "policy.yaml"
        return default if default.exists() else None

    def host_queue(self, host: str) -> str:
        """Task queue of the activities of one Docker host."""
        return f"{self.task_queue}.{queue_word(host)}"


def queue_word(host: str) -> str:
    """A host's name as part of a queue's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", host)


def load_settings() -> WorkerSettings:
    """Read the environment.

    Raises:
        OrchestratorError: ``settings_invalid`` naming each variable that is wrong, never its value.
    """
    try:
        settings = WorkerSettings()
    except ValidationError as error:
        raise OrchestratorError("settings_invalid", detail=_describe(error)) from None
    if settings.llm_url and not settings.llm_model:
        detail = "MM_ORCHESTRATOR_LLM_MODEL: needed beside MM_ORCHESTRATOR_LLM_URL"
        raise OrchestratorError("settings_invalid", detail=detail)
    if settings.s3_endpoint and not (settings.s3_access_key and settings.s3_secret_key.get_secret_value()):
        detail = "TEMPORAL_ARTIFACT_S3_ACCESS_KEY_ID and _SECRET_ACCESS_KEY: needed beside the endpoint"
        raise OrchestratorError("settings_invalid", detail=detail)
    return settings


def _describe(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{_set_variable(str(problem['loc'][0]))}: {problem['msg']}" for problem in problems)


def _set_variable(first: str) -> str:
    """Of the variables that stand for one setting, the one that is set and so the one to correct."""
    for field in WorkerSettings.model_fields.values():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices) and alias.choices[0] == first:
            return next((str(name) for name in alias.choices if os.environ.get(str(name))), first)
    return first
