"""A key-value store over HTTP, kept in SQLite on a volume.

    GET /health               {"status": "ok"}
    GET /keys?prefix=P        {key: value, ...}
    GET|PUT|DELETE /keys/K    one value (JSON); 404 where there is none
"""

import json
import signal
import sqlite3
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

DATABASE = "/data/store.db"
PORT = 8001


class Table:
    """One table of keys and JSON values, safe to use from several threads."""

    def __init__(self, path: str):
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def _run(self, statement: str, *values: str) -> list[tuple[str, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def list(self, prefix: str) -> dict[str, object]:
        rows = self._run("SELECT key, value FROM entry WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key", prefix)
        return {key: json.loads(value) for key, value in rows}

    def get(self, key: str) -> str | None:
        rows = self._run("SELECT value FROM entry WHERE key = ?", key)
        return rows[0][0] if rows else None

    def put(self, key: str, value: str) -> None:
        self._run("INSERT INTO entry VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)

    def delete(self, key: str) -> None:
        self._run("DELETE FROM entry WHERE key = ?", key)

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    table: Table

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/health":
            self._answer(HTTPStatus.OK, json.dumps({"status": "ok"}))
        elif url.path == "/keys":
            prefix = parse_qs(url.query).get("prefix", [""])[0]
            self._answer(HTTPStatus.OK, json.dumps(self.table.list(prefix)))
        elif (key := self._key()) and (value := self.table.get(key)) is not None:
            self._answer(HTTPStatus.OK, value)
        else:
            self._answer(HTTPStatus.NOT_FOUND, "null")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            value = json.dumps(json.loads(body))
        except ValueError:
            return self._answer(HTTPStatus.BAD_REQUEST, json.dumps({"error": "the body is not JSON"}))
        if not (key := self._key()):
            return self._answer(HTTPStatus.NOT_FOUND, "null")
        self.table.put(key, value)
        return self._answer(HTTPStatus.OK, value)

    def do_DELETE(self) -> None:
        self.table.delete(self._key())
        self._answer(HTTPStatus.OK, "null")

    def log_message(self, format: str, *args: object) -> None:
        """Health checks every second would drown everything else."""

    def _key(self) -> str:
        path = urlsplit(self.path).path
        return unquote(path.removeprefix("/keys/")) if path.startswith("/keys/") else ""

    def _answer(self, status: HTTPStatus, body: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    table = Handler.table = Table(DATABASE)
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Handler)
    server.daemon_threads = True
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for serve_forever(), which runs in this very thread: hence a thread of its own.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"store: listening on {PORT}, data in {DATABASE}")
    server.serve_forever(poll_interval=0.1)
    table.close()
    print("store: stopped")


if __name__ == "__main__":
    main()
