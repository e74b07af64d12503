import signal
import sys

import humanize
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return humanize.naturalsize(2048)


@app.get("/health")
def health():
    return "ok"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.run("0.0.0.0", 8000)
