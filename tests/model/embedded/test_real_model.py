"""One real run of the embedded model: started, asked twice, stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nl2sql.model.embedded import open_local_model, read_status
from nl2sql.model.embedded.local_client import LocalChatModel
from nl2sql.model.embedded.server_process import count_threads
from nl2sql.types import Reply

pytestmark = pytest.mark.local_model

SYSTEM = """You write DuckDB SQL. Answer with one ```sql block and nothing else.
CREATE TABLE visits (id INTEGER PRIMARY KEY, museum VARCHAR, visited_on DATE, guests INTEGER, paid DECIMAL(10,2));
CREATE TABLE museums (name VARCHAR PRIMARY KEY, city VARCHAR, opened_on DATE);
"""


@pytest.fixture
def model(home_with_weights: Path) -> Iterator[LocalChatModel]:
    model = open_local_model(home_with_weights)
    yield model
    model.close()


def ask(model: LocalChatModel, question: str) -> Reply:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    stream = model.stream(messages, max_tokens=120)
    while True:
        try:
            next(stream)
        except StopIteration as stopped:
            reply: Reply = stopped.value
            return reply


def test_it_writes_sql_and_keeps_the_prefix(model: LocalChatModel, home: Path) -> None:
    assert model.name == "qwen2.5-coder-1.5b-instruct-q4_k_m" and not model.calls_tools
    prefix = model.count_tokens(SYSTEM)
    assert 40 < prefix < 120
    model.prefill([{"role": "system", "content": SYSTEM}])
    first = ask(model, "How many guests came to each museum?")
    assert "SELECT" in first.text.upper() and "visits" in first.text and first.finish == "stop"
    assert first.usage.cached_tokens >= prefix
    with_another_client = open_local_model(home)
    second = ask(with_another_client, "Which city has the most museums?")
    with_another_client.close()
    assert "museums" in second.text and second.usage.cached_tokens >= prefix


def test_further_replies_differ_and_come_again(model: LocalChatModel) -> None:
    question = "Which museums had no guests in May?"
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    # As in a question: the first reply has the prompt read, further ones begin behind it.
    ask(model, question)
    first, again = ([reply.text for reply in model.sample(messages, count=3, max_tokens=80)] for _ in range(2))
    assert len(set(first)) > 1
    assert first == again


@pytest.mark.skipif(sys.platform != "linux" or count_threads() < 2, reason="needs Linux and two cores")
def test_its_threads_are_bound_to_cores_of_their_own(model: LocalChatModel, home: Path) -> None:
    ask(model, "How many museums are there?")
    server = read_status(home).server
    assert server is not None
    cores = set()
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        lines = (task / "status").read_text("ascii").splitlines()
        allowed = next(line.split()[1] for line in lines if line.startswith("Cpus_allowed_list:"))
        cores |= {allowed} if allowed.isdecimal() else set()
    assert len(cores) == count_threads()
