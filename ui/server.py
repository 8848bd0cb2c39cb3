"""What all pages of one server share: the opened database with its model, the jobs and the conversations.

Made once, by the first page; Streamlit closes nothing, so it ends with the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from nl2sql import Assistant, connect
from ui.conversations import Conversations
from ui.jobs import Jobs
from ui.settings import settings


@dataclass(frozen=True)
class Server:
    """The shared parts."""

    assistant: Assistant
    jobs: Jobs
    conversations: Conversations

    @property
    def database(self) -> str:
        """The database's name, without its folders."""
        return Path(self.assistant.url).name if self.assistant.config.url else "Larkmoor Coffee (the sample data)"


@st.cache_resource(show_spinner="Opening the database …")
def server() -> Server:
    """The parts that every page shares. ConfigError, DatabaseError: the next page tries again."""
    assistant = connect(config=settings())
    return Server(assistant, Jobs(), Conversations())
