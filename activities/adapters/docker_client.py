"""The Docker API, reached the way the ``docker`` command reaches it.

The SDK knows nothing of docker contexts; the command line is asked where it goes, and the SDK goes there
too. Every call runs in a thread with a client of its own, because a requests session is not made for two
threads, and every failure to reach the daemon is ``docker_unavailable``.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import docker
from docker.errors import APIError, DockerException
from docker.tls import TLSConfig
from docker.transport import UnixHTTPAdapter
from requests.exceptions import RequestException

from activities.adapters import process
from workflows.errors import OrchestratorError

T = TypeVar("T")
CONTACT_SECONDS = 2.5
"""Within this the daemon must have answered the first question (``docker_unavailable`` within 3 s)."""
CALL_SECONDS = 60.0
_MAX_IDLE = 8
_ENDPOINT_ARGV = ("docker", "context", "inspect", "--format", "{{json .}}")


@dataclass(frozen=True)
class Endpoint:
    """Where the docker command line goes."""

    url: str
    tls_dir: Path | None = None
    """Directory with ca.pem, cert.pem and key.pem, for a TLS endpoint."""
    verify: bool = True


async def cli_endpoint(environment: Mapping[str, str]) -> Endpoint:
    """Ask the command line for its endpoint: DOCKER_HOST, DOCKER_CONTEXT or the current context.

    Raises:
        OrchestratorError: ``docker_unavailable`` where there is no docker command or no such context.
    """
    try:
        done = await process.run(_ENDPOINT_ARGV, env=environment, timeout_seconds=CONTACT_SECONDS)
    except (TimeoutError, OSError) as error:
        detail = f"the docker command does not work ({error or 'no answer'})"
        raise OrchestratorError("docker_unavailable", detail=detail) from error
    if done.returncode != 0:
        raise OrchestratorError("docker_unavailable", detail=done.stderr.strip()[-300:])
    return _endpoint(json.loads(done.stdout), environment)


def _endpoint(context: Mapping[str, Mapping[str, object]], environment: Mapping[str, str]) -> Endpoint:
    facts = context.get("Endpoints", {}).get("docker")
    known = facts if isinstance(facts, dict) else {}
    url = str(known.get("Host") or "unix:///var/run/docker.sock")
    if environment.get("DOCKER_HOST"):
        if not environment.get("DOCKER_TLS_VERIFY"):
            return Endpoint(url)
        home = Path(environment.get("HOME", "/root"))
        return Endpoint(url, Path(environment.get("DOCKER_CERT_PATH") or home / ".docker"))
    material = context.get("TLSMaterial", {}).get("docker")
    tls_dir = Path(str(context.get("Storage", {}).get("TLSPath"))) / "docker" if material else None
    return Endpoint(url, tls_dir, verify=not known.get("SkipTLSVerify"))


def connect(endpoint: Endpoint, timeout_seconds: float) -> docker.APIClient:
    """A new client of the SDK, at the API version the daemon speaks."""
    url, tls = endpoint.url, None
    if endpoint.tls_dir is not None:
        directory = endpoint.tls_dir
        tls = TLSConfig(
            client_cert=(str(directory / "cert.pem"), str(directory / "key.pem")),
            ca_cert=str(directory / "ca.pem"),
            verify=endpoint.verify,
        )
        url = url.replace("tcp://", "https://", 1)
    client = docker.APIClient(
        base_url=url,
        version="auto",
        timeout=timeout_seconds,  # type: ignore[arg-type]  # fractions work; the stubs say int
        tls=tls or False,
        use_ssh_client=url.startswith("ssh://"),
    )
    _keep_one_socket(client, url)
    return client


def _keep_one_socket(client: docker.APIClient, url: str) -> None:
    """Let a client of a Unix socket keep one connection, not 25.

    The SDK's adapter keeps a pool, and in it a connection, for each of the last 25 *addresses with their
    query*, which hardly ever come again; that many descriptors were lost here and in the daemon. The SDK
    takes no other number: its ``num_pools`` counts for ssh only.
    """
    prefix = "http+docker://"
    if not url.startswith("unix://"):
        return
    former = client.get_adapter(prefix)
    client.mount(prefix, UnixHTTPAdapter(f"http+{url}", client.timeout, pool_connections=1))
    former.close()


@dataclass
class DockerClient:
    """Runs questions against the daemon in threads; a client is used by one thread at a time."""

    environment: Mapping[str, str]
    """The worker's environment: DOCKER_HOST, DOCKER_CONTEXT, HOME, PATH."""
    _endpoint: Endpoint | None = None
    _idle: list[docker.APIClient] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def endpoint(self) -> Endpoint:
        """Where the daemon is, asked once."""
        if self._endpoint is None:
            self._endpoint = await cli_endpoint(self.environment)
        return self._endpoint

    async def ask(
        self, question: Callable[[docker.APIClient], T], timeout_seconds: float = CALL_SECONDS
    ) -> T:
        """Run a blocking question in a thread.

        Raises:
            OrchestratorError: ``docker_unavailable``, ``docker_forbidden``.
            APIError: the daemon answered with any other error; NotFound is the caller's business.
        """
        endpoint = await self.endpoint()
        return await asyncio.to_thread(self.ask_here, endpoint, question, timeout_seconds)

    async def change(
        self, order: Callable[[docker.APIClient], T], timeout_seconds: float = CALL_SECONDS
    ) -> T:
        """Like ``ask``, for what changes something: once begun it is waited for, also when cancelled.

        A thread cannot be called back. Left alone it would go on changing things after its step let go
        of the project's lock (I7).
        """
        return await process.uninterrupted(self.ask(order, timeout_seconds))

    def ask_here(
        self, endpoint: Endpoint, question: Callable[[docker.APIClient], T], timeout_seconds: float
    ) -> T:
        """The blocking half of ``ask``, for a thread that the caller owns."""
        with translated_errors(endpoint.url):
            client = self._take(endpoint, timeout_seconds)
            try:
                answer = question(client)
            except APIError:
                self._give_back(client)  # the daemon answered: the connection is fine
                raise
            except BaseException:
                client.close()
                raise
            self._give_back(client)
            return answer

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            clients, self._idle = self._idle, []
        for client in clients:
            client.close()

    def _take(self, endpoint: Endpoint, timeout_seconds: float) -> docker.APIClient:
        with self._lock:
            client = self._idle.pop() if self._idle else None
        if client is None:
            return connect(endpoint, timeout_seconds)
        client.timeout = timeout_seconds  # type: ignore[assignment]  # as above
        return client

    def _give_back(self, client: docker.APIClient) -> None:
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(client)
                return
        client.close()


@contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Turn what the SDK raises when the daemon is away into the catalogue's words."""
    try:
        yield
    except APIError as error:
        if error.status_code in {401, 403}:
            detail = str(error.explanation or error)[:300]
            raise OrchestratorError("docker_forbidden", detail=detail) from error
        raise
    except (DockerException, RequestException, OSError) as error:
        raise OrchestratorError("docker_unavailable", detail=f"{url}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The innermost cause: ``No such file or directory`` rather than three wrappings of it."""
    deepest: BaseException = error
    while (inner := deepest.__cause__ or deepest.__context__) is not None:
        deepest = inner
    text = str(deepest) or type(deepest).__name__
    return text[:300]
