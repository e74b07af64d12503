"""Secret values in a Compose project's own configuration, for masking only (I5, COMPOSE fact 7)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from activities.adapters.redaction import secrets_in

_MAX_SECRET_FILE_BYTES = 64 * 1024


def secrets_in_config(text: str, environment: Mapping[str, str]) -> frozenset[str]:
    """Values of secret-like variables and build arguments, and of everything declared under ``secrets:``.

    Args:
        text: the JSON of ``docker compose config``.
        environment: what Compose sees; a secret may name a variable of it.
    """
    try:
        config = json.loads(text)
    except ValueError:
        return frozenset()
    found: set[str] = set()
    for service in _objects(config, "services"):
        for variables in (service.get("environment"), _mapping(service.get("build")).get("args")):
            found |= secrets_in(_strings(variables))
    for secret in _objects(config, "secrets"):
        found |= set(_declared(secret, environment))
    return frozenset(found)


def _declared(secret: Mapping[str, object], environment: Mapping[str, str]) -> Iterator[str]:
    if isinstance(content := secret.get("content"), str):
        yield content.strip()
    if isinstance(name := secret.get("environment"), str) and environment.get(name):
        yield environment[name]
    if isinstance(file := secret.get("file"), str):
        try:
            with Path(file).open("rb") as opened:
                yield opened.read(_MAX_SECRET_FILE_BYTES).decode("utf-8", errors="ignore").strip()
        except OSError:
            return


def _objects(config: object, key: str) -> list[Mapping[str, object]]:
    return [_mapping(value) for value in _mapping(_mapping(config).get(key)).values()]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _strings(variables: object) -> dict[str, str]:
    return {name: str(value) for name, value in _mapping(variables).items() if value is not None}
