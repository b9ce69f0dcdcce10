"""`daypass check-proxy` before a store that cannot keep every name. Before real proxies: tests/edge/test_nginx.py."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from click.testing import CliRunner

from daypass.commands.check_proxy import check_proxy

REFUSED = b"<Error><Code>DirectoryObjectContainsData</Code></Error>"


class Store(BaseHTTPRequestHandler):
    """Keeps files: a name with a slash at its end is a directory, which has no content."""

    objects: ClassVar[dict[str, bytes]] = {}

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "Authorization" not in self.headers:
            self._answer(403)
        elif hashlib.sha256(body).hexdigest() != self.headers["x-amz-content-sha256"]:
            self._answer(400)
        elif self.path.endswith("/") and body:
            self._answer(400, REFUSED)
        else:
            self.objects[self.path] = body
            self._answer(200)

    def do_GET(self) -> None:
        body = self.objects.get(self.path)
        self._answer(404 if body is None else 200, body or b"")

    def do_DELETE(self) -> None:
        self.objects.pop(self.path, None)
        self._answer(204)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_the_store_cannot_keep_is_no_fault_of_the_proxy(store: str) -> None:
    environment = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    options = ("--proxy", store, "--gateway", store, "--bucket", "lake", "--json")
    done = CliRunner(env=environment).invoke(check_proxy, options)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.exit_code, len(results)) == (0, 14)
    assert [result for result in results if result["advice"]] == [
        {
            "check": "an object called 'trailing/'",
            "passed": True,
            "advice": "the store does not take it, by the gateway either: DirectoryObjectContainsData",
        }
    ]
    assert Store.objects == {}, "what was written is removed again"
