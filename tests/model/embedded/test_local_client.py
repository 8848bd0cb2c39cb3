"""The embedded model as a chat model, over a host with a fake model."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nl2sql.cancellation import CancelToken
from nl2sql.errors import CancelledError, ModelError
from nl2sql.model.chat import ChatModel
from nl2sql.model.embedded.embedded_server import ensure_server
from nl2sql.model.embedded.local_client import LocalChatModel
from nl2sql.model.embedded.server_state import ServerFolder, ServerInfo
from nl2sql.model.embedded.shared_files import lock

QUESTION = [{"role": "system", "content": "the schema"}, {"role": "user", "content": "one?"}]


@pytest.fixture
def model(
    home: Path, folder: ServerFolder, gguf: Callable[[str], Path], host_command: tuple[str, ...]
) -> Iterator[LocalChatModel]:
    path = gguf("tiny")

    def connect(cancel: CancelToken | None) -> ServerInfo:
        return ensure_server(home, path, host_command=host_command, cancel=cancel)

    model = LocalChatModel(connect, lock_server=lambda cancel: lock(folder.call_lock, cancel), touch=folder.touch)
    yield model
    model.close()


def asked(folder: ServerFolder) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder.path / "asked.jsonl").read_text().splitlines()]


def test_it_is_a_chat_model_that_writes_text(model: LocalChatModel, folder: ServerFolder) -> None:
    chat: ChatModel = model
    assert "".join(chat.stream(QUESTION, max_tokens=9, stop=("```",))) == "SELECT 1"
    assert chat.name == "tiny" and not chat.calls_tools
    assert chat.make_tool_message("1", "sql_query", "rows")["content"]
    (sent,) = asked(folder)
    assert sent["messages"] == QUESTION and sent["max_tokens"] == 9 and sent["stop"] == ["```"]
    assert sent["temperature"] == 0.0 and sent["cache_prompt"] is True and sent["id_slot"] == 0 and sent["seed"] == 1


def test_prefill_sends_the_same_beginning(model: LocalChatModel, folder: ServerFolder) -> None:
    model.prefill(QUESTION[:1])
    list(model.stream(QUESTION))
    first, second = asked(folder)
    assert first["messages"] == QUESTION[:1] and first["max_tokens"] == 1
    assert second["messages"] == QUESTION


def test_tokens_are_counted_by_the_server(model: LocalChatModel) -> None:
    assert model.count_tokens("three small words") == 3


def test_a_call_counts_as_use(model: LocalChatModel, folder: ServerFolder) -> None:
    os.utime(folder.last_used_file, (0, 0))
    list(model.stream(QUESTION))
    assert folder.last_used_file.stat().st_mtime > 1_000_000


def test_a_server_that_died_between_two_calls_is_started_again(
    model: LocalChatModel, folder: ServerFolder, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    list(model.stream(QUESTION))
    info = folder.read()
    assert info
    os.kill(info.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    eventually(lambda: not folder.is_host_running())
    assert "".join(model.stream(QUESTION)) == "SELECT 1"
    assert len((folder.path / "starts").read_text().split()) == 2


def test_one_call_at_a_time_reaches_the_server(model: LocalChatModel, folder: ServerFolder) -> None:
    first = model.stream(QUESTION)
    next(first)
    heard: list[str] = []
    second = threading.Thread(target=lambda: heard.extend(model.stream(QUESTION)))
    second.start()
    second.join(0.5)
    assert second.is_alive() and len(asked(folder)) == 1
    tired, given_up = CancelToken(), threading.Event()

    def tires() -> None:
        with pytest.raises(CancelledError):
            next(model.stream(QUESTION, cancel=tired))
        given_up.set()

    threading.Thread(target=tires).start()
    tired.cancel()
    assert given_up.wait(5) and second.is_alive()
    with pytest.raises(ModelError, match="another answer that this thread began"):
        next(model.stream(QUESTION))
    first.close()
    second.join(10)
    assert "".join(heard) == "SELECT 1" and len(asked(folder)) == 2
