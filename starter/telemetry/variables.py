"""Which signals the standard variables of OpenTelemetry ask for; an empty variable counts as unset."""

from collections.abc import Mapping
from dataclasses import dataclass

_OTLP = "otlp"
_HTTP = ("http/protobuf", "")


@dataclass(frozen=True)
class Wanted:
    """What is exported; ``refused`` says in words what was asked for and cannot be done."""

    traces: bool = False
    metrics: bool = False
    refused: tuple[str, ...] = ()


def wanted(environment: Mapping[str, str]) -> Wanted:
    """Off without an endpoint; a signal is off where its exporter is ``none``."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted()
    refused: list[str] = []
    traces = _signal(environment, "TRACES", refused)
    metrics = _signal(environment, "METRICS", refused)
    return Wanted(traces, metrics, tuple(refused))


def _signal(environment: Mapping[str, str], signal: str, refused: list[str]) -> bool:
    endpoint = first_set(environment, f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    exporter = environment.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() or _OTLP
    if not endpoint or exporter == "none":
        return False
    protocol = first_set(environment, f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    if not endpoint.startswith(("http://", "https://")):
        refused.append(f"the endpoint of {signal.lower()} must begin with http:// or https://")
    elif _OTLP not in exporter.split(","):
        refused.append(f"OTEL_{signal}_EXPORTER: only otlp and none are known")
    elif protocol not in _HTTP:
        refused.append(f"the protocol of {signal.lower()} can only be http/protobuf")
    else:
        return True
    return False


def first_set(environment: Mapping[str, str], *names: str) -> str:
    """The first of these variables that has a value; '' where none has."""
    return next((environment[name].strip() for name in names if environment.get(name, "").strip()), "")
