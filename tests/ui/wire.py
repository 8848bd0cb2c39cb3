"""A page without a browser: it speaks Streamlit's websocket as the browser does, and draws nothing.

It is for measuring what the page's server takes, beside what browsers take. It knows questions and answers only.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Final, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

SECONDS: Final = 120.0
_BYTES: Final = 100_000_000


class Wire:
    """One session of the page. `heard` holds every frame's bytes of the last answer."""

    def __init__(self, address: str) -> None:
        url = address.replace("http://", "ws://") + "/_stcore/stream"
        self._opening = connect(url, origin=Origin(address), subprotocols=[Subprotocol("streamlit")], max_size=_BYTES)
        self._query = ""
        self._box = ""
        self._answered: set[str] = set()
        self._new: set[str] = set()
        self._due: dict[str, tuple[float, float]] = {}
        self.heard: list[bytes] = []

    def __enter__(self) -> Self:
        self._socket = self._opening.__enter__()
        self._rerun()
        self._until(lambda status: status == ForwardMsg.FINISHED_SUCCESSFULLY and bool(self._box))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opening.__exit__(kind, error, trace)

    def begin(self, question: str) -> None:
        """Ask, and wait for nothing."""
        self._rerun(question=question)

    def ask(self, question: str) -> float:
        """Ask, and wait for all of the answer: the seconds."""
        self.heard.clear()
        start = time.perf_counter()
        self.begin(question)
        self._until(lambda status: status == ForwardMsg.FINISHED_SUCCESSFULLY and bool(self._new))
        took = time.perf_counter() - start
        self._answered |= self._new
        self._new.clear()
        return took

    def _rerun(self, question: str = "", fragment: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = self._query
        if question:
            state = message.rerun_script.widget_states.widgets.add()
            state.id = self._box
            state.chat_input_value.data = question
        if fragment:
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
        self._socket.send(message.SerializeToString())

    def _until(self, enough: Any) -> None:
        """Hear until a run of the script ends that way; fragments that run by themselves are run when they are due."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            now = time.monotonic()
            for fragment, (at, every) in self._due.items():
                if at <= now:
                    self._due[fragment] = (now + every, every)
                    self._rerun(fragment=fragment)
            wait = min([at - now for at, _ in self._due.values()], default=1.0)
            try:
                frame = self._socket.recv(timeout=max(0.001, wait))
            except TimeoutError:
                continue
            assert isinstance(frame, bytes)
            self.heard.append(frame)
            if self._hear(ForwardMsg.FromString(frame), enough):
                return
        raise AssertionError(f"nothing for {SECONDS} s")

    def _hear(self, message: ForwardMsg, enough: Any) -> bool:
        kind = message.WhichOneof("type")
        if kind == "script_finished":
            return bool(enough(message.script_finished))
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._due.clear()
        elif kind == "auto_rerun":
            every = message.auto_rerun.interval
            self._due[message.auto_rerun.fragment_id] = (time.monotonic() + every, every)
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._due.pop(fragment, None)
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta":
            element = message.delta.new_element
            if element.WhichOneof("type") == "chat_input":
                self._box = element.chat_input.id
            elif element.WhichOneof("type") == "button":
                name = element.button.id.rpartition("-edit-")[2]
                if name != element.button.id and name not in self._answered:
                    self._new.add(name)
        return False
