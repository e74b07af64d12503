"""Where secret values are found: variables, headers, texts, Docker's logins; for masking only (I5)."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from activities.adapters.secret_forms import worth_masking
from activities.adapters.secret_patterns import KEY_BEGIN, is_secret_name, named_secrets, url_userinfo

MAX_FILE_BYTES = 256 * 1024
"""Of a file that is looked through for secrets; what is longer is read to here."""


def secrets_in(variables: Mapping[str, str]) -> frozenset[str]:
    """Values worth masking: those of secret-like names, credentials inside any URL, keys, headers."""
    found: set[str] = set()
    for name, value in variables.items():
        if is_secret_name(name) or KEY_BEGIN.search(value.encode("utf-8", "surrogatepass")):
            found.add(value)
        if name.upper().endswith("HEADERS"):
            found |= set(_header_values(value))
        if name == "DOCKER_AUTH_CONFIG":
            found |= docker_logins(value)
        found |= set(_credentials(value))
    return frozenset(value for value in found if worth_masking(value))


def secrets_in_text(text: str) -> frozenset[str]:
    """What a text assigns to secret-like names, and the credentials of its URLs."""
    found = {value.strip("\"'") for value in named_secrets(text)} | set(_credentials(text))
    return frozenset(value for value in found if worth_masking(value) and not value.startswith("$"))


def docker_logins(text: str) -> frozenset[str]:
    """Passwords and tokens of a Docker ``config.json``; no credential helper is asked."""
    try:
        config = json.loads(text)
    except ValueError:
        return frozenset()
    found: set[str] = set()
    for login in _objects(config, "auths"):
        auth = login.get("auth")
        if isinstance(auth, str):
            found |= {auth, *_login(auth)}
        found |= {str(login[key]) for key in ("password", "identitytoken", "registrytoken") if login.get(key)}
    for named in (
        (config.get("HttpHeaders"), *_objects(config, "proxies")) if isinstance(config, dict) else ()
    ):
        found |= secrets_in(
            {k: v for k, v in named.items() if isinstance(v, str)} if isinstance(named, dict) else {}
        )
    return frozenset(value for value in found if worth_masking(value))


def own_secrets(environment: Mapping[str, str]) -> frozenset[str]:
    """What this process itself must not tell: its environment's secrets, the logins of its Docker command."""
    found = set(secrets_in(environment))
    home = environment.get("DOCKER_CONFIG") or (Path(environment.get("HOME") or "/nonexistent") / ".docker")
    found |= docker_logins(read_start(Path(home) / "config.json"))
    return frozenset(found)


def read_start(path: Path) -> str:
    """The text of a file, or its beginning; empty where it cannot be read, or is none."""
    with suppress(OSError, ValueError):
        if path.is_file():
            with path.open("rb") as opened:
                return opened.read(MAX_FILE_BYTES).decode("utf-8", errors="ignore")
    return ""


def _credentials(text: str) -> Iterator[str]:
    for userinfo in url_userinfo(text):
        user, colon, password = userinfo.partition(":")
        secret = password if colon else user
        if not secret.startswith("$"):
            yield from (secret, unquote(secret))


def _header_values(value: str) -> Iterator[str]:
    """Of ``name=value,name=value``, as OTEL_EXPORTER_OTLP_HEADERS has it."""
    for pair in value.split(","):
        told = pair.partition("=")[2].strip()
        for form in (told, unquote(told)):
            yield form
            yield form.rpartition(" ")[2]  # the token of ``Bearer TOKEN``


def _login(auth: str) -> Iterator[str]:
    with suppress(binascii.Error, ValueError):
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
        if colon:
            yield from (password, f"{user}:{password}")


def _objects(config: object, key: str) -> list[Mapping[str, object]]:
    held = config.get(key) if isinstance(config, dict) else None
    return [value for value in held.values() if isinstance(value, dict)] if isinstance(held, dict) else []
