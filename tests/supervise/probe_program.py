"""A program for the supervisor's tests: serves 200 on its port after a while, and has a child that could outlive it.

probe_program.py PORT [--ready-after SECONDS] [--die-after SECONDS [--die-if FILE]] [--fail-if FILE] [--with-child] [--deaf]
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import _exit, getpid
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    ready_at = 0.0

    def do_GET(self) -> None:
        self.send_response(200 if time.monotonic() >= self.ready_at else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--ready-after", type=float, default=0)
    parser.add_argument("--die-after", type=float, default=0)
    parser.add_argument("--die-if", type=Path, help="only where this file is there")
    parser.add_argument("--fail-if", type=Path, help="end at once where this file is there")
    parser.add_argument("--with-child", action="store_true")
    parser.add_argument("--deaf", action="store_true", help="ignore SIGTERM")
    given = parser.parse_args()
    sys.stdout.write(json.dumps({"message": "started", "pid": getpid()}) + "\n")
    if given.with_child:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    if given.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if given.fail_if and given.fail_if.exists():
        sys.stdout.write("cannot start: the reason of this test\n")
        sys.exit(4)
    if given.die_after and (given.die_if is None or given.die_if.exists()):
        sys.stdout.write("cannot go on: the reason of this test\n")
        threading.Timer(given.die_after, lambda: _exit(3)).start()
    Answer.ready_at = time.monotonic() + given.ready_after
    ThreadingHTTPServer(("127.0.0.1", given.port), Answer).serve_forever()


if __name__ == "__main__":
    main()
