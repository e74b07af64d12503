"""Projects whose build, stop or health takes its time, so that a test can strike in the middle."""

from uuid import uuid4

from tests.acceptance.stacks import compose_file, idle_service, web_app, web_block, web_service

ADD_HUMANIZE = "add humanize to api"
_DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt .
RUN if grep -q humanize requirements.txt; then sleep {sleep}; fi
RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt
COPY . .
CMD ["python", "-u", "app.py"]
"""


def unique_sleep(seconds: float) -> str:
    """A duration that no other process on this machine sleeps for, so that /proc shows whose it is."""
    return f"{seconds:g}.{uuid4().int % 10**9:09}"


def slow_shop(*imports: str, sleep: str = "0", stop_seconds: float = 0) -> dict[str, str]:
    """``api`` beside ``store``; the build with humanize sleeps, and ``api`` takes its time to stop."""
    files = {
        "compose.yaml": compose_file(
            web_block("api", "restart: unless-stopped"), web_block("store", health=False)
        ).replace("stop_grace_period: 2s", f"stop_grace_period: {2 + stop_seconds:g}s"),
        **web_service("api"),
        **idle_service("store"),
    }
    stop = f"lambda *_: (__import__('time').sleep({stop_seconds:g}), sys.exit(0))"
    files["api/app.py"] = web_app(*imports).replace("lambda *_: sys.exit(0)", stop)
    files["api/Dockerfile"] = _DOCKERFILE.format(sleep=sleep)
    return files
