"""TLS, API key and profiles, read as every Temporal tool reads them: variables, then ``temporal.toml``.

A profile's credentials go to that profile's server alone: an embedded server, or one that was named
otherwise, does not see them.
"""

import os
from typing import TypedDict

from temporalio.envconfig import ClientConfigProfile
from temporalio.service import TLSConfig

from workflows.errors import OrchestratorError


class Credentials(TypedDict, total=False):
    """What ``Client.connect`` takes beside address and namespace."""

    api_key: str
    tls: bool | TLSConfig
    rpc_metadata: dict[str, str]


def temporal_profile() -> ClientConfigProfile:
    """The profile that ``TEMPORAL_PROFILE`` names, else the default one; variables go before the file.

    Raises:
        OrchestratorError: ``settings_invalid`` for a file that cannot be read, or has no such profile.
    """
    try:
        # an empty variable counts as unset, as everywhere
        given = {name: value for name, value in os.environ.items() if value}
        return ClientConfigProfile.load(override_env_vars=given)
    except (RuntimeError, ValueError, OSError) as error:
        raise OrchestratorError("settings_invalid", detail=f"Temporal's client settings: {error}") from None


def profile_is_named() -> bool:
    """Whether the environment asks for a profile by name, and so for its server."""
    return bool(os.environ.get("TEMPORAL_PROFILE"))


def credentials_for(address: str) -> Credentials:
    """The profile's credentials where this is its server; none elsewhere.

    Raises:
        OrchestratorError: ``settings_invalid``.
    """
    profile = temporal_profile()
    if profile.address not in {None, address}:
        return {}
    config = profile.to_client_connect_config()
    found: Credentials = {}
    if profile.api_key is not None:
        found["api_key"] = profile.api_key
    if (tls := config.get("tls")) is not None:
        found["tls"] = tls
    if profile.grpc_meta:
        found["rpc_metadata"] = dict(profile.grpc_meta)
    return found
