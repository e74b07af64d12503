"""Talks to the store, with the standard library alone."""

import json
import os
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen


class StoreClient:
    def __init__(self, base_url: str, timeout_seconds: float = 2.0):
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds

    @classmethod
    def from_environment(cls) -> "StoreClient":
        return cls(os.environ.get("STORE_URL", "http://store:8001"))

    def is_reachable(self) -> bool:
        try:
            self._call("GET", "/health")
        except (URLError, TimeoutError):
            return False
        return True

    def put(self, key: str, value: dict) -> None:
        self._call("PUT", f"/keys/{quote(key, safe='')}", value)

    def list(self, prefix: str) -> dict[str, dict]:
        return self._call("GET", f"/keys?prefix={quote(prefix, safe='')}")

    def _call(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._base_url + path, data=data, method=method)
        with urlopen(request, timeout=self._timeout_seconds) as answer:
            return json.loads(answer.read() or "null")
