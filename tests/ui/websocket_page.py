"""A page without a browser: it speaks Streamlit's websocket as the browser does, and draws nothing.

It is for measuring what the page's server takes, beside what browsers take. It knows questions and answers only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

SECONDS: Final = 120.0
_ENDED: Final = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
_BYTES: Final = 100_000_000


class Wire:
    """One session of the page, by its id. `heard` holds every frame's bytes of the last answer."""

    def __init__(self, address: str) -> None:
        url = address.replace("http://", "ws://") + "/_stcore/stream"
        self._opening = connect(url, origin=Origin(address), subprotocols=[Subprotocol("streamlit")], max_size=_BYTES)
        self._query = ""
        self._box = ""
        self._answered: set[str] = set()
        self._new: set[str] = set()
        self._look = ""
        self._look_fragment = ""
        self._look_at = self._look_seconds = 0.0
        self.session = ""
        self.heard: list[bytes] = []

    def __enter__(self) -> Self:
        self._socket = self._opening.__enter__()
        self._rerun()
        self._until(lambda: bool(self._box))
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
        self._until(lambda: bool(self._new))
        took = time.perf_counter() - start
        self._answered |= self._new
        self._new.clear()
        return took

    def _rerun(self, question: str = "", *, looks: bool = False) -> None:
        message = BackMsg()
        message.rerun_script.query_string = self._query
        if question:
            state = message.rerun_script.widget_states.widgets.add()
            state.id = self._box
            state.chat_input_value.data = question
        if looks:
            state = message.rerun_script.widget_states.widgets.add()
            state.id = f"$$STREAMLIT_INTERNAL_KEY_{self._look}__events"
            state.json_trigger_value = json.dumps([{"event": "look", "value": 1}])
            message.rerun_script.fragment_id = self._look_fragment
        self._socket.send(message.SerializeToString())

    def _until(self, enough: Callable[[], bool]) -> None:
        """Hear until a run of the script ends, and it is enough; the next look is asked for when it is due."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            wait = self._look_at - time.monotonic() if self._look else SECONDS
            if wait <= 0:
                self._look_at = time.monotonic() + self._look_seconds
                self._rerun(looks=True)
                continue
            try:
                frame = self._socket.recv(timeout=wait)
            except TimeoutError:
                continue
            assert isinstance(frame, bytes)
            self.heard.append(frame)
            if self._hear(ForwardMsg.FromString(frame)) and enough():
                return
        raise AssertionError(f"nothing for {SECONDS} s")

    def _hear(self, message: ForwardMsg) -> bool:
        """Take in what it says: whether a run of the script has ended well."""
        kind = message.WhichOneof("type")
        if kind == "script_finished":
            return message.script_finished in _ENDED
        if kind == "new_session":
            self.session = message.new_session.initialize.session_id
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta":
            element = message.delta.new_element
            drawn = element.WhichOneof("type")
            if drawn == "chat_input":
                self._box = element.chat_input.id
            elif drawn == "bidi_component" and element.bidi_component.component_name == "nl2sql_again":
                self._look, self._look_fragment = element.bidi_component.id, message.delta.fragment_id
                self._look_seconds = json.loads(element.bidi_component.json)["after"] / 1000
                self._look_at = time.monotonic() + self._look_seconds
            elif drawn == "button":
                name = element.button.id.rpartition("-edit-")[2]
                if name != element.button.id and name not in self._answered:
                    self._new.add(name)
                    self._look = ""
        return False
