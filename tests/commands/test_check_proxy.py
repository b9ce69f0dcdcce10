"""`daypass check-proxy` before a store that cannot keep every name. Before real proxies: tests/edge/test_nginx.py."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from click.testing import CliRunner

from daypass.commands.check_proxy import check_proxy

REFUSED = b"<Error><Code>DirectoryObjectContainsData</Code></Error>"


class Store(BaseHTTPRequestHandler):
    """Keeps files: a name with a slash at its end is a directory, which has no content."""

    objects: ClassVar[dict[str, bytes]] = {}
    verifies = True

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "Authorization" not in self.headers:
            self._answer(403)
        elif self.verifies and hashlib.sha256(body).hexdigest() != self.headers["x-amz-content-sha256"]:
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


class CarelessStore(Store):
    verifies = False


@contextmanager
def serving(store: type[Store]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def checked(store: type[Store]) -> tuple[int, list[dict[str, Any]]]:
    """How the command ends, and its results, of a proxy that is the store itself."""
    environment = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    with serving(store) as url:
        options = ("--proxy", url, "--gateway", url, "--bucket", "lake", "--json")
        done = CliRunner(env=environment).invoke(check_proxy, options)
    assert store.objects == {}, "what was written is removed again"
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def test_what_the_store_cannot_keep_is_no_fault_of_the_proxy() -> None:
    status, results = checked(Store)
    assert (status, len(results)) == (0, 14)
    assert [result for result in results if result["advice"]] == [
        {
            "check": "an object called 'trailing/'",
            "passed": True,
            "advice": "the store does not take it, by the gateway either: DirectoryObjectContainsData",
        }
    ]


def test_a_store_that_verifies_no_hash_fails_that_check_and_no_other() -> None:
    status, results = checked(CarelessStore)
    (failed,) = [result for result in results if not result["passed"]]
    assert (status, failed["check"]) == (1, "a body that is not the one that was signed is refused")
    assert "the store does not verify x-amz-content-sha256" in failed["advice"]
