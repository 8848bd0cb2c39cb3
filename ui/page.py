"""One run of the page: who asks, which conversation, what it shows, and what is asked next.

The parts that all pages share come from `server`; each part of the page draws itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

from nl2sql import Assistant, NL2SQLError
from ui.answers import show_answer
from ui.asking import ask, chosen, next_questions, offered
from ui.conversations import Conversation
from ui.errors import show_error
from ui.grid import grid
from ui.history import open_conversation, remembered_answer, remembered_conversation
from ui.identity import signed_in, user
from ui.plain import plain
from ui.progress import show_progress
from ui.server import Server, server
from ui.sidebar import pinned_tables, reviews, show_sidebar
from ui.style import style

QUESTION_CHARS: Final = 4000
_ICON: Final = Path(__file__).parent / "icon.svg"
_OPENED_TURNS: Final = 3


def show() -> None:
    """Draw the page."""
    st.set_page_config("nl2sql", page_icon=str(_ICON), layout="wide")
    style()
    if not signed_in():
        return
    try:
        shared = server()
        _show(shared)
    except NL2SQLError as exc:
        show_error(exc)


def _show(shared: Server) -> None:
    if answer := st.query_params.get("answer"):
        _one_answer(shared, answer)
        return
    conversation = _conversation(shared)
    show_sidebar(shared, conversation)
    question = st.chat_input("Ask a question about the data", max_chars=QUESTION_CHARS, key="question") or chosen()
    if question and conversation.running is None:
        ask(shared, conversation, question, tables=pinned_tables(), review=reviews())
    if conversation.jobs:
        _turns(shared, conversation)
    else:
        _welcome(shared, shared.assistant_of(conversation))


def _conversation(shared: Server) -> Conversation:
    """The conversation of this address; a new one where it names none that is there."""
    asked = st.query_params.get("session")
    own: Conversation | None = st.session_state.get("conversation")
    if asked and (own is None or own.id != asked):
        own = shared.conversations.find(asked, user())
        own = own or remembered_conversation(shared.store, asked, user(), shared.assistant.url)
        if own is None:
            st.toast("That conversation is no longer here. This is a new one.")
            del st.query_params["session"]
    if own is None or (not asked and own.jobs):
        own = Conversation(user())
    elif asked:
        own = shared.conversations.keep(own)
    st.session_state["conversation"] = own
    return own


def _turns(shared: Server, conversation: Conversation) -> None:
    """The questions and their answers; those of some time ago are closed."""
    first_open = len(conversation.jobs) - _OPENED_TURNS
    for position, job in enumerate(conversation.jobs):
        with st.container(key=f"turn-{job.id}", gap="small"):
            with st.container(key=f"asked-{job.id}"):
                st.text(job.question)
            if not job.view.done:
                show_progress(shared.jobs, job)
            elif position >= first_open or st.session_state.get(f"open-{job.id}"):
                show_answer(shared, conversation, job)
            else:
                if job.view.answer is not None:
                    st.text(job.view.answer.text)
                st.button("Show the rows and the SQL", key=f"open-{job.id}", type="tertiary")
    if conversation.running is None:
        next_questions(shared.assistant_of(conversation), conversation)


def _welcome(shared: Server, assistant: Assistant) -> None:
    """What stands here before the first question."""
    tables = len(assistant.schema.tables)
    st.header("Ask your data", anchor=False)
    st.caption(f"{plain(shared.database)}: {tables} table{'' if tables == 1 else 's'}, read only")
    offered(assistant.suggestions(), "first")
    with st.container(key="warm"):
        # Unseen: it has the browser load what draws tables before the first one is there.
        grid([], [], key="grid-warm", caption="")


def _one_answer(shared: Server, job_id: str) -> None:
    """An answer by its own link."""
    found = shared.conversations.find_answer(job_id, user())
    found = found or remembered_answer(shared.store, job_id, user(), shared.assistant.url)
    show_sidebar(shared, found[0] if found else Conversation(user()))
    if found is None:
        st.info("That answer is no longer here. Look into the history, or begin a new conversation.")
        return
    conversation, job = found
    shared.conversations.keep(conversation)
    with st.container(key=f"asked-{job.id}"):
        st.text(job.question)
    if job.view.done:
        show_answer(shared, conversation, job)
    else:
        show_progress(shared.jobs, job)
    st.button("Open the conversation", on_click=open_conversation, args=(conversation.id,), type="tertiary")
