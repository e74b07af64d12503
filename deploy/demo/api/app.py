"""The job desk's HTTP API: offers the catalog, takes orders, shows what became of them."""

from datetime import UTC, datetime
from uuid import uuid4

import humanize
from flask import Flask, abort, jsonify, request

from catalog import load_catalog
from store_client import StoreClient

app = Flask(__name__)
catalog = load_catalog()
store = StoreClient.from_environment()


@app.get("/health")
def health():
    """Healthy means: able to serve, which takes the store."""
    if not store.is_reachable():
        return jsonify(status="store unreachable"), 503
    return jsonify(status="ok", jobs_offered=len(catalog))


@app.get("/catalog")
def list_catalog():
    return jsonify({name: job.description for name, job in catalog.items()})


@app.post("/jobs")
def order_job():
    name = (request.get_json(silent=True) or {}).get("job")
    if name not in catalog:
        abort(422, description=f"unknown job {name!r}; the catalog has {sorted(catalog)}")
    key = f"job:{uuid4().hex}"
    store.put(key, {"job": name, "state": "waiting", "ordered_at": datetime.now(UTC).isoformat()})
    return jsonify(id=key.removeprefix("job:")), 202


@app.get("/jobs")
def list_jobs():
    now = datetime.now(UTC)
    return jsonify([
        {**job, "ordered": humanize.naturaltime(now - datetime.fromisoformat(job["ordered_at"]))}
        for job in store.list("job:").values()
    ])
