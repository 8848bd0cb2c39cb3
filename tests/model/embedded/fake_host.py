"""A host process with a tiny server in the model's place: everything else of its life is the real host's.

The model's name steers it: `broken` fails to load, `slow` loads for a while.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from nl2sql.model.embedded.server_process import run_host
from nl2sql.model.embedded.server_state import HostOrder


def serve(order: HostOrder) -> tuple[int, Any]:
    folder = Path(order.folder)
    with (folder / "starts").open("a") as starts:
        starts.write(order.instance + "\n")
    if order.model == "broken":
        raise RuntimeError(f"failed to load '{order.model_path}': no such tensor")
    if order.model == "slow":
        time.sleep(1.0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def answer(self, status: int, content: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            if self.headers.get("Authorization") != f"Bearer {order.api_key}":
                self.answer(401, b"{}")
            elif self.path == "/v1/models":
                self.answer(200, json.dumps({"data": [{"id": order.instance}]}).encode())
            elif self.path == "/slots":
                self.answer(200, json.dumps([{"id": 0, "is_processing": (folder / "busy").exists()}]).encode())
            else:
                self.answer(404, b"{}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/tokenize":
                self.answer(200, json.dumps({"tokens": json.loads(body)["content"].split()}).encode())
                return
            (folder / "asked.jsonl").open("ab").write(body + b"\n")
            if json.loads(body).get("max_tokens") == 1:
                blank = {"id": "x", "choices": [{"index": 0, "delta": {"content": "\n"}, "finish_reason": "length"}]}
                self.answer(200, f"data: {json.dumps(blank)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")
                return
            chunks: list[dict[str, Any]] = [
                {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "SELECT"}, "finish_reason": None}]},
                {"choices": [{"index": 0, "delta": {"content": " 1"}, "finish_reason": "stop"}]},
            ]
            lines = [json.dumps({"id": "x", "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
            self.answer(200, "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode(), "text/event-stream")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1], server


if __name__ == "__main__":
    run_host(HostOrder.decode(sys.stdin.read()), serve)
