import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

import humanize


class Handler(BaseHTTPRequestHandler):
    """Answers health checks and one page."""

    def do_GET(self):
        body = humanize.naturalsize(2048)
        self.send_response(200 if self.path in ("/", "/health") else 404)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("serving", flush=True)
    HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
