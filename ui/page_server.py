"""What all pages of one server share: the opened database with its model, the store, the jobs and conversations.

Made once, by the first page; Streamlit closes nothing, so it ends with the process.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import streamlit as st

from nl2sql import Assistant, NL2SQLError, Store, connect, open_store
from ui.jobs import MAX_RUNNING_JOBS, MAX_RUNNING_LOCAL_JOBS, Jobs
from ui.page_conversations import Conversation, ConversationCache, make_unreadable_error
from ui.page_settings import get_launch
from ui.request_guard import Refusals
from ui.request_log import log_job, start_log

# Each may use the memory that the limits allow to a query.
MAX_RUNNING_QUERIES: Final = 4
MAX_UPLOAD_WORKERS: Final = 2
_MAX_YOUNG_COLLECTIONS: Final = 50


@dataclass(frozen=True)
class Choice:
    """The user's time limit and model. `model` None is the one that the page was started with."""

    seconds: float
    model: str | None = None


@dataclass(frozen=True)
class Server:
    """The shared parts. `refusals` say why files were refused before the page saw them."""

    assistant: Assistant
    store: Store
    jobs: Jobs
    conversations: ConversationCache
    models: dict[str, Assistant] = field(default_factory=dict)
    refusals: Refusals = field(default_factory=Refusals)

    def get_assistant(self, conversation: Conversation) -> Assistant:
        """Return the assistant of the conversation, with its files if it has any; reopen it after a rest."""
        conversation.touch()
        if conversation.upload_assistant is None and conversation.folder is not None:
            with conversation.files_lock:
                if conversation.upload_assistant is None and (files := conversation.files):
                    # The page says why they are gone: everything else of the conversation goes on.
                    try:
                        self._open_files(conversation, files)
                    except NL2SQLError as exc:
                        conversation.upload_error = exc
        return conversation.upload_assistant or self.assistant

    def _open_files(self, conversation: Conversation, files: Sequence[Path]) -> None:
        """Open the database with the files; where they cannot be read, remove them."""
        try:
            conversation.set_upload_assistant(
                self.assistant.with_files(files, workers=MAX_UPLOAD_WORKERS, rules=conversation.file_rules)
            )
        finally:
            if conversation.upload_assistant is None:
                conversation.drop_files()
                conversation.upload_error = make_unreadable_error()

    def get_configured_assistant(self, conversation: Conversation, choice: Choice) -> Assistant:
        """Return the assistant of the conversation, with the model and the limits that the user has chosen."""
        assistant = self.get_assistant(conversation)
        limits = self.assistant.config.limits
        if choice == Choice(limits.seconds):
            return assistant
        if choice.model and choice.model not in self.models:
            self.models[choice.model] = self.assistant.with_options(model=choice.model)
        if choice not in conversation.variants:
            model = self.models[choice.model] if choice.model else None
            conversation.variants[choice] = assistant.with_options(
                limits=replace(limits, seconds=choice.seconds), model=model
            )
        return conversation.variants[choice]

    @property
    def database(self) -> str:
        """The database's name, without its folders."""
        return describe_database(self.assistant)


def describe_database(assistant: Assistant) -> str:
    """Return the database's name, without its folders."""
    return Path(assistant.url).name if assistant.config.url else "Larkmoor Coffee (the sample data)"


@st.cache_resource(show_spinner="Opening the database …")
def get_server() -> Server:
    """Return the parts that every page shares, made by the first page.

    Raises:
        ConfigError: the settings are wrong.
        DatabaseError: the database cannot be opened.
        StoreError: the store cannot be opened.
    """
    start_log()
    launch = get_launch()
    config = launch.config
    store = open_store(config)
    assistant = connect(config=config, store=store, client="page", workers=MAX_RUNNING_QUERIES)
    at_once = MAX_RUNNING_LOCAL_JOBS if config.model.is_local else MAX_RUNNING_JOBS
    # A full garbage collection stops every page, so it skips what is loaded already and runs less often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _MAX_YOUNG_COLLECTIONS)
    return Server(assistant, store, Jobs(at_once, on_end=log_job), ConversationCache(), refusals=launch.refusals)
