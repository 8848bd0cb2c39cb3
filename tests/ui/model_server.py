"""A loopback endpoint that streams: it answers a question by what it holds about it, and may take its time.

It speaks Chat Completions and nothing else. Run by itself it serves the sample data's questions, for a look by hand.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Line:
    """What is said to a question that contains a text: the SQL, then the sentence, a word each `pause` seconds.

    With `options` the model asks back, by the sentence, which of them is meant.
    """

    contains: str
    sql: str
    sentence: str = "Here they are."
    pause: float = 0.0
    think: float = 0.0
    options: tuple[str, ...] = ()


@dataclass
class ModelServer:
    """The endpoint. `lines` may be added to at any time; `requests` keeps what was asked; `gone` counts the callers
    who left before the end."""

    lines: list[Line] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    gone: int = 0
    url: str = ""

    @property
    def variables(self) -> dict[str, str]:
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "sk-of-the-test", "OPENAI_MODEL": "scripted"}

    def line(self, messages: list[dict[str, Any]]) -> Line:
        question = next(str(m["content"]) for m in reversed(messages) if m["role"] == "user")
        for line in reversed(self.lines):
            if line.contains.lower() in question.lower():
                return line
        return Line("", "SELECT 1 AS one", "One.")


def serve(state: ModelServer) -> ThreadingHTTPServer:
    """Start serving on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked_at.append(time.time())
            state.requests.append(body)
            line = state.line(body["messages"])
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                for delta in _deltas(line, body["messages"][-1]["role"] == "tool"):
                    self._send({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
                done = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
                self._send({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self._send({"choices": [], "usage": done})
                self.wfile.write(b"data: [DONE]\n\n")
            except OSError:
                state.gone += 1

        def _send(self, part: dict[str, Any]) -> None:
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted", **part}
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    return server


def _deltas(line: Line, has_rows: bool) -> Iterator[dict[str, Any]]:
    time.sleep(line.think)
    if not has_rows:
        function = {"name": "sql_query", "arguments": json.dumps({"query": line.sql})}
        if line.options:
            asked = {"question": line.sentence, "options": line.options}
            function = {"name": "ask_user", "arguments": json.dumps(asked)}
        yield {
            "role": "assistant",
            "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}],
        }
        return
    for word in line.sentence.split(" "):
        yield {"role": "assistant", "content": word + " "}
        time.sleep(line.pause)


LARKMOOR = [
    Line(
        "revenue by month",
        "SELECT month, sum(revenue) AS revenue FROM monthly_revenue WHERE year(month) = 2025 "
        "GROUP BY month ORDER BY month",
        "Revenue in 2025 was highest in December.",
        0.05,
        0.3,
    ),
    Line(
        "only for germany",
        "SELECT month, sum(revenue) AS revenue FROM monthly_revenue WHERE year(month) = 2025 AND country_code = 'DE' "
        "GROUP BY month ORDER BY month",
        "Germany follows the same season.",
        0.05,
        0.3,
    ),
    Line(
        "most expensive",
        "SELECT product_name, list_price FROM products ORDER BY list_price DESC LIMIT 5",
        "The dearest product is an espresso machine.",
        0.05,
        0.3,
    ),
    Line("how many orders", "SELECT count(*) AS orders FROM orders", "There are 56,015 orders.", 0.02),
    Line("list all orders", "SELECT * FROM orders ORDER BY order_id", "All orders, oldest first.", 0.1),
    Line("slow", "SELECT count(*) AS n FROM order_items a, order_items b, order_items c", "Many.", 0.1),
    Line("talk", "SELECT city, count(*) AS customers FROM customers GROUP BY city ORDER BY 2 DESC", "word " * 60, 0.2),
]

if __name__ == "__main__":
    served = ModelServer(list(LARKMOOR))
    serve(served)
    print(served.url, flush=True)  # noqa: T201 - for a look by hand
    threading.Event().wait()
