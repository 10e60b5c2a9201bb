"""A server that is asked for permissions: real HTTP, in a thread, answering as a test says, at once, late or never."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 60.0


class Hook:
    """`forbidden` are topics and filters; what is in `held` waits until `let_go`."""

    def __init__(self) -> None:
        self.asked: queue.Queue[dict[str, Any]] = queue.Queue()
        self.seen: list[dict[str, Any]] = []
        self.forbidden: set[str] = set()
        self.forbidden_users: set[str] = set()
        self.held: set[str] = set()
        self._go = threading.Event()
        self.url = ""

    def answer(self, user: str, question: dict[str, Any]) -> bool:
        self.seen.append(question)
        self.asked.put(question)
        (action,) = question
        name = question[action].get("topic") or question[action].get("topicFilter") or ""
        if name in self.held:
            self._go.wait(PATIENCE)
        return not (name in self.forbidden or (action == "conn" and user in self.forbidden_users))

    def wait_for(self, action: str) -> dict[str, Any]:
        while True:
            question = self.asked.get(timeout=PATIENCE)
            if action in question:
                return question

    def let_go(self) -> None:
        self._go.set()


@contextmanager
def serving() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/rules/check"
            assert self.headers["tenant_id"]
            allowed = hook.answer(self.headers["user_id"], json.loads(body))
            text = b"true" if allowed else b"false"
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            with suppress(BrokenPipeError):  # nobody waits that long
                self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/rules"
    try:
        yield hook
    finally:
        hook.let_go()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
