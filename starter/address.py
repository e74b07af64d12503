"""Where Temporal is: TEMPORAL_ADDRESS or a named profile, else a running ``mm-orchestrator dev``, else the
default profile of ``temporal.toml``, else localhost:7233.

``dev`` and ``run --local`` write ``dev.json`` into the state directory while their embedded server
runs, and hold a lock beside it. The lock tells whether the file is live: a killed process leaves the
file behind, never the lock.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from starter.profile import profile_is_named, temporal_profile
from starter.settings import StarterSettings

DEFAULT_ADDRESS: Final = "localhost:7233"
LOCK_NAME: Final = "embedded.lock"
STACK_NAME: Final = "dev.json"


class EmbeddedStack(BaseModel):
    """What ``dev.json`` says about a running embedded server."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    address: str
    """``host:port`` of the server."""
    ui: str
    """URL of the Web UI."""
    namespace: str
    task_queue: str
    pid: int
    """Process id of the ``mm-orchestrator`` that runs it."""
    command: str
    """``dev`` or ``run --local``."""


def live_stack(state_dir: Path) -> EmbeddedStack | None:
    """The embedded stack that runs on this state directory now, if any."""
    if not _is_locked(state_dir / LOCK_NAME):
        return None
    try:
        return EmbeddedStack.model_validate_json((state_dir / STACK_NAME).read_bytes())
    except (OSError, ValidationError):  # it is just starting, or belongs to another version
        return None


def resolve_address(settings: StarterSettings) -> str:
    """``host:port`` to connect to.

    A default profile yields to a running ``dev``: whoever started that one means it.

    Raises:
        OrchestratorError: ``settings_invalid``.
    """
    if settings.temporal_address is not None:
        return settings.temporal_address
    profile = temporal_profile()
    if profile_is_named() and profile.address:
        return profile.address
    stack = live_stack(settings.state_dir)
    if stack is not None:
        return stack.address
    return profile.address or DEFAULT_ADDRESS


def resolve_namespace(settings: StarterSettings, address: str) -> str:
    """TEMPORAL_NAMESPACE, else that of the profile whose server this is, else ``default``.

    Raises:
        OrchestratorError: ``settings_invalid``.
    """
    if "temporal_namespace" in settings.model_fields_set:
        return settings.temporal_namespace
    profile = temporal_profile()
    return (
        profile.namespace if profile.namespace and profile.address == address else settings.temporal_namespace
    )


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
