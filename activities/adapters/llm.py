"""One question to a language model over the protocol that OpenAI made common (``/chat/completions``).

The server is not trusted: it gets masked text only, its answer is bounded in time and size, nothing it
says is followed (no redirect, no tool), and no proxy of the environment comes between.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from pydantic import BaseModel, ValidationError

MAX_ANSWER_BYTES = 256 * 1024
_NO_SCHEMA = frozenset({400, 404, 415, 422, 501})
"""How servers refuse a ``response_format`` they do not know; they are asked once more without it."""


class LlmFailed(Exception):  # noqa: N818 - an answer that did not come, not a programming error
    """The model gave no usable answer; the text says why, without key and without the server's words."""


@dataclass(frozen=True)
class LlmAnswer:
    """What came back, and what it cost."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


@dataclass(frozen=True)
class LlmClient:
    """Asks one endpoint for one model."""

    url: str
    """Of the API, without ``/chat/completions``."""
    model: str
    api_key: str = field(default="", repr=False)
    timeout_seconds: float = 60.0
    """For everything together: connection, answer, and the second try without a schema."""
    max_tokens: int = 1000
    """Of the answer."""

    async def ask(self, system: str, user: str, schema: Mapping[str, object]) -> LlmAnswer:
        """Ask once.

        Args:
            system: what the model is to do.
            user: the evidence.
            schema: JSON schema of the answer, for servers that hold a model to one.

        Raises:
            LlmFailed: no answer in time, or none that can be read.
        """
        began = time.monotonic()
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        body: dict[str, object] = {
            "model": self.model,
            "messages": messages,
            "max_tokens": self.max_tokens,
            "temperature": 0,
        }
        try:
            async with asyncio.timeout(self.timeout_seconds), self._http() as http:
                status, data = await self._post(http, {**body, "response_format": _format(schema)})
                if status in _NO_SCHEMA:
                    status, data = await self._post(http, body)
        except (TimeoutError, httpx.TimeoutException):
            raise LlmFailed(f"no answer within {self.timeout_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as error:
            raise LlmFailed(f"it cannot be reached ({type(error).__name__})") from None
        return _read(status, data, self.model, time.monotonic() - began)

    def _http(self) -> httpx.AsyncClient:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return httpx.AsyncClient(
            headers=headers,
            timeout=self.timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            verify=ssl.create_default_context() if self.url.startswith("https:") else False,
        )

    async def _post(self, http: httpx.AsyncClient, body: Mapping[str, object]) -> tuple[int, bytes]:
        """(status, body); the body of an error is not read: nothing in it is for us."""
        address = f"{self.url.rstrip('/')}/chat/completions"
        async with http.stream("POST", address, json=body) as response:
            if response.status_code != httpx.codes.OK:
                return response.status_code, b""
            if response.headers.get("content-encoding", "identity") != "identity":
                raise LlmFailed("its answer is packed although that was not asked for")
            data = b""
            async for chunk in response.aiter_raw():
                data += chunk
                if len(data) > MAX_ANSWER_BYTES:
                    raise LlmFailed(f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
            return response.status_code, data


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    choices: list[_Choice]
    model: str = ""
    usage: _Usage | None = None


def _format(schema: Mapping[str, object]) -> dict[str, object]:
    described = {"name": "proposal", "strict": True, "schema": dict(schema)}
    return {"type": "json_schema", "json_schema": described}


def _read(status: int, data: bytes, model: str, seconds: float) -> LlmAnswer:
    if status != httpx.codes.OK:
        what = ", and redirects are not followed" if 300 <= status < 400 else ""
        raise LlmFailed(f"it answers with status {status}{what}")
    try:
        found = _Completion.model_validate_json(data)
    except ValidationError:
        raise LlmFailed("its answer is not what this protocol says") from None
    choice = found.choices[0] if found.choices else None
    if choice is None or not choice.message.content:
        raise LlmFailed("its answer is empty, or asks for a tool")
    if choice.finish_reason == "length":
        raise LlmFailed("its answer was cut off at the token limit")
    usage = found.usage or _Usage()
    return LlmAnswer(
        text=choice.message.content,
        model=found.model or model,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        seconds=seconds,
    )
