"""Takes waiting jobs from the store, does them, writes back that they are done.

`worker.py --check` is the health check: the loop has been round within the last ten seconds.
"""

import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import requests

STORE_URL = os.environ.get("STORE_URL", "http://store:8001").rstrip("/")
POLL_SECONDS = float(os.environ.get("POLL_SECONDS", "1"))
HEARTBEAT = Path("/dev/shm/worker-heartbeat")
HEARTBEAT_MAX_AGE_SECONDS = 10.0

log = logging.getLogger("worker")


def is_alive() -> bool:
    return HEARTBEAT.exists() and time.time() - HEARTBEAT.stat().st_mtime < HEARTBEAT_MAX_AGE_SECONDS


def work_once(session: requests.Session) -> None:
    answer = session.get(f"{STORE_URL}/keys", params={"prefix": "job:"}, timeout=2)
    answer.raise_for_status()
    for key, job in answer.json().items():
        if job["state"] == "waiting":
            done = {**job, "state": "done", "done_at": datetime.now(UTC).isoformat()}
            session.put(f"{STORE_URL}/keys/{quote(key, safe='')}", json=done, timeout=2).raise_for_status()
            log.info("%s: %s done", key, job["job"])


def run_until(stop: threading.Event) -> None:
    with requests.Session() as session:
        while not stop.is_set():
            try:
                work_once(session)
                HEARTBEAT.touch()
            except requests.RequestException as error:
                log.warning("store: %s", error)
            stop.wait(POLL_SECONDS)
    log.info("stopped")


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_until(stop)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if is_alive() else 1)
    main()
