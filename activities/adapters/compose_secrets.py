"""Secret values in a Compose project's own configuration, for masking only (I5, COMPOSE fact 7)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from activities.adapters.secret_sources import read_start, secrets_in, secrets_in_text


def secrets_in_config(text: str, environment: Mapping[str, str]) -> frozenset[str]:
    """Values of secret-like variables, arguments, labels and options, and everything under ``secrets:``.

    Args:
        text: the JSON of ``docker compose config``; it has the contents of env files in it.
        environment: what Compose sees; a secret may name a variable of it.
    """
    try:
        config = json.loads(text)
    except ValueError:
        return frozenset()
    found = set(_anywhere(config))
    for secret in _objects(config, "secrets"):
        found |= set(_declared(secret, environment))
    for file in _objects(config, "configs"):
        for content in _declared(file, environment):
            found |= secrets_in_text(content)
    return frozenset(found)


def dotenv_variables(text: str) -> dict[str, str]:
    """The variables of an env file; for masking: quotes around a value go, nothing is expanded."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            found[name.strip()] = value[1:-1] if quoted else value.partition(" #")[0].rstrip()
    return found


def _anywhere(value: object) -> Iterator[str]:
    """In mappings by name, in texts and commands by their look."""
    if isinstance(value, dict):
        yield from secrets_in({k: str(v) for k, v in value.items() if isinstance(v, str | int)})
        for inner in value.values():
            yield from _anywhere(inner)
    elif isinstance(value, list):
        yield from secrets_in_text(" ".join(item for item in value if isinstance(item, str)))
        for inner in value:
            yield from _anywhere(inner)
    elif isinstance(value, str):
        yield from secrets_in_text(value)


def _declared(secret: Mapping[str, object], environment: Mapping[str, str]) -> Iterator[str]:
    if isinstance(content := secret.get("content"), str):
        yield content.strip()
    if isinstance(name := secret.get("environment"), str) and environment.get(name):
        yield environment[name]
    if isinstance(file := secret.get("file"), str) and (told := read_start(Path(file)).strip()):
        yield told


def _objects(config: object, key: str) -> list[Mapping[str, object]]:
    return [_mapping(value) for value in _mapping(_mapping(config).get(key)).values()]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
