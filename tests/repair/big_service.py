"""A service as large as the promise: 2,000 source files, 50 MB of log, one cause at the end of it."""

from __future__ import annotations

from pathlib import Path

FILES = 2_000
LOG_BYTES = 50 * 1024 * 1024
MISSING = "humanize"

_DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
CMD ["python", "-m", "shop.main"]
"""
_MODULE = '''\
"""Orders of one region: number {number}."""

import json
import logging
from collections import defaultdict
from dataclasses import dataclass

import requests
from flask import Blueprint, jsonify

from shop.part{other} import module{neighbour}
from shop import settings

logger = logging.getLogger(__name__)
blueprint = Blueprint("orders{number}", __name__)

{functions}
'''
_FUNCTION = '''\
def total_{index}(orders, *, currency="EUR", discount=0.0):
    """Sum of all orders, less the discount."""
    found = defaultdict(float)
    for order in orders:
        if order.get("state") not in ("open", "paid"):
            continue
        found[order["customer"]] += order["amount"] * (1 - discount)
        logger.debug("order %s of %s", order["id"], order["customer"])
    return {{"currency": currency, "totals": dict(found), "count": len(orders)}}


'''
_QUIET = (
    '2026-11-26T10:00:{second:02d}.{number:06d} INFO  shop.api 10.0.{a}.{b} "GET /orders/{number} HTTP/1.1" '
    "200 took 12 ms, user not set up for errors\n"
)
_CRASH = """\
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/srv/shop/main.py", line 3, in <module>
    import {missing}
ModuleNotFoundError: No module named '{missing}'
"""


def lay_out(root: Path, files: int = FILES, log_bytes: int = LOG_BYTES) -> tuple[Path, Path]:
    """Write context and log below ``root``; returns both."""
    context, log = root / "context", root / "service.log"
    _sources(context, files)
    _log(log, log_bytes)
    return context, log


def _sources(context: Path, files: int) -> None:
    """Every module is reachable from the one that crashed: each imports the next."""
    for number in range(files - 2):
        folder = context / "shop" / f"part{number % 40}"
        folder.mkdir(parents=True, exist_ok=True)
        neighbour = (number + 1) % (files - 2)
        functions = "".join(_FUNCTION.format(index=index) for index in range(8))
        text = _MODULE.format(number=number, neighbour=neighbour, other=neighbour % 40, functions=functions)
        (folder / f"module{number}.py").write_text(text)
    (context / "shop" / "settings.py").write_text("DEBUG = False\n")
    main = f"from shop.part0 import module0\n\nimport {MISSING}\n"
    (context / "shop" / "main.py").write_text(main)
    (context / "requirements.txt").write_text("flask\nrequests\n")
    (context / "Dockerfile").write_text(_DOCKERFILE)


def _log(path: Path, size: int) -> None:
    crash = _CRASH.format(missing=MISSING)
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number in range(size):
            if written >= size - len(crash):
                break
            line = _QUIET.format(second=number % 60, number=number, a=number % 200, b=number % 250)
            written += file.write(line)
        file.write(crash)
