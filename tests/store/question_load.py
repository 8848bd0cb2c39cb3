"""A program that asks on several threads and says each answer's id once it has it: to be killed at any moment."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from nl2sql import connect
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.store import Store
from nl2sql.types import Messages, Reply

THREADS = 3


def reply(messages: Messages) -> Reply:
    """A query, and a sentence once its rows are there."""
    if messages[-1]["role"] == "tool":
        return says("There are 100.")
    return calls("sql_query", query="SELECT count(*) AS n FROM orders")


def ask_for_ever(store: Path, shop: Path) -> None:
    model = ScriptedModel(*[reply] * 1_000_000)
    with Store(store) as opened, connect(str(shop), model=model, store=opened) as assistant:

        def ask() -> None:
            while True:
                answer = assistant.ask("How many orders are there?")
                assert not answer.warnings, answer.warnings
                os.write(1, f"{answer.id}\n".encode())

        threads = [threading.Thread(target=ask) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    ask_for_ever(Path(sys.argv[1]), Path(sys.argv[2]))
