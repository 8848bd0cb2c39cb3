"""What all pages of one server share: the opened database with its model, the store, the jobs and conversations.

Made once, by the first page; Streamlit closes nothing, so it ends with the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from nl2sql import Assistant, NL2SQLError, Store, connect, open_store
from ui.conversations import Conversation, Conversations
from ui.jobs import AT_ONCE, Jobs
from ui.settings import settings

UPLOAD_WORKERS: Final = 2


@dataclass(frozen=True)
class Server:
    """The shared parts."""

    assistant: Assistant
    store: Store
    jobs: Jobs
    conversations: Conversations

    def assistant_of(self, conversation: Conversation) -> Assistant:
        """Who answers there: with the files that the user added, if there are any; opened again after a rest."""
        conversation.touch()
        if conversation.own is None and conversation.folder is not None:
            with conversation.changing:
                if conversation.own is None and (files := conversation.files):
                    try:
                        conversation.use(self.assistant.with_files(files, workers=UPLOAD_WORKERS))
                    except NL2SQLError:
                        # The page says that they are gone: everything else of the conversation goes on.
                        conversation.drop_files()
        return conversation.own or self.assistant

    @property
    def database(self) -> str:
        """The database's name, without its folders."""
        return Path(self.assistant.url).name if self.assistant.config.url else "Larkmoor Coffee (the sample data)"


@st.cache_resource(show_spinner="Opening the database …")
def server() -> Server:
    """The parts that every page shares. ConfigError, DatabaseError, StoreError: the next page tries again."""
    config = settings()
    store = open_store(config)
    assistant = connect(config=config, store=store, face="page", workers=AT_ONCE)
    return Server(assistant, store, Jobs(), Conversations())
