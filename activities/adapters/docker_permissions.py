"""Whether Docker lets us do what a repair needs; a socket proxy may deny it (TEMPORAL: MoonMind's side)."""

import secrets

import docker

from activities.adapters.docker_client import CONTACT_SECONDS, DockerClient
from workflows.errors import OrchestratorError

_REFUSED = frozenset({401, 403})


async def check_permitted(client: DockerClient) -> None:
    """Ask for changes of things that do not exist: a daemon answers, a proxy that denies them refuses.

    Raises:
        OrchestratorError: ``docker_forbidden``, ``docker_unavailable``.
    """
    nobody = f"mm-orchestrator-nobody-{secrets.token_hex(16)}"
    needs = {"change containers": f"/containers/{nobody}/start", "build images": f"/build/cancel?id={nobody}"}

    def knock(api: docker.APIClient) -> None:
        for what, path in needs.items():
            answer = api.post(f"{api.base_url}/v{api.api_version}{path}", timeout=CONTACT_SECONDS)
            if answer.status_code in _REFUSED:
                detail = f"it does not let us {what} (HTTP {answer.status_code})"
                raise OrchestratorError("docker_forbidden", detail=detail)

    await client.ask(knock, CONTACT_SECONDS)
