"""One run of the page: who asks, which conversation, what it shows, and what is asked next.

The parts that all pages share come from `server`; each part of the page draws itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from nl2sql import Assistant, NL2SQLError
from ui.answers import show_turn
from ui.asking import ask, chosen, offered
from ui.conversations import Conversation
from ui.errors import show_error
from ui.grid import grid
from ui.history import open_conversation, remembered_answer, remembered_conversation
from ui.identity import signed_in, user
from ui.jobs import Job
from ui.kept import keep_only
from ui.mentions import offer_mentions, show_pins
from ui.plain import plain
from ui.server import Server, server
from ui.sidebar import chosen_settings, pinned_tables, reviews, show_sidebar
from ui.style import style

QUESTION_CHARS: Final = 4000
_ICON: Final = Path(__file__).parent / "icon.svg"
_OPENED_TURNS: Final = 2
_SHOWN_TURNS: Final = 3
# So many more are shown until they are put away together: most questions leave the others in their places.
_PUT_AWAY: Final = 4


def show() -> None:
    """Draw the page."""
    st.set_page_config("nl2sql", page_icon=str(_ICON), layout="wide")
    style()
    try:
        if signed_in():
            _show(server())
    except NL2SQLError as exc:
        show_error(exc)


def _show(shared: Server) -> None:
    if answer := st.query_params.get("answer"):
        _one_answer(shared, answer)
        return
    conversation = _conversation(shared)
    question = st.chat_input("Ask a question about the data", max_chars=QUESTION_CHARS, key="question") or chosen()
    if question and conversation.running is not None:
        st.toast("One question at a time: ask this one again once the answer is there, or stop that one.")
    elif question:
        # Before anything is drawn: the answer is on its way meanwhile.
        choice = chosen_settings(shared)
        ask(shared, conversation, question, tables=pinned_tables(), review=reviews(), choice=choice)
    show_sidebar(shared, conversation)
    offer_mentions(shared.assistant_of(conversation).schema.tables)
    show_pins()
    if conversation.jobs:
        show_turns(shared, conversation)
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


def show_turns(shared: Server, conversation: Conversation) -> None:
    """The last questions and their answers; those before are closed, and those of long ago behind a button."""
    jobs = conversation.jobs
    put_away = max(0, len(jobs) - _SHOWN_TURNS) // _PUT_AWAY * _PUT_AWAY
    shown = jobs if conversation.id in _opened() else jobs[put_away:]
    keep_only(_ids(shown, conversation))
    if len(shown) < len(jobs):
        _opener(f"Show {len(jobs) - len(shown)} earlier", conversation.id, ":material/expand_less:")
    for job in shown:
        with st.container(key=f"turn-{job.id}", gap="small"):
            st.text(job.question)
            if not job.view.done or job in jobs[-_OPENED_TURNS:] or job.id in _opened():
                show_turn(shared, conversation, job, asks_next=job is jobs[-1])
            else:
                if job.view.answer is not None:
                    st.text(job.view.answer.text)
                _opener("Show the rows and the SQL", job.id)


def _ids(jobs: Sequence[Job], conversation: Conversation) -> set[str]:
    """What the answers of these jobs, and the user's own versions of their SQL, are kept by."""
    ids = {job.id for job in jobs}
    return ids | {own.id for job_id, own in list(conversation.branches.items()) if job_id in ids}


def _opened() -> set[str]:
    """What the user has opened, by id."""
    opened: set[str] = st.session_state.setdefault("opened", set())
    return opened


def _opener(label: str, id_: str, icon: str | None = None) -> None:
    """The button that opens it."""
    st.button(label, key=f"open-{id_}", type="tertiary", icon=icon, on_click=_opened().add, args=(id_,))


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
    keep_only(_ids([*conversation.jobs, job], conversation))
    with st.container(key=f"turn-{job.id}", gap="small"):
        st.text(job.question)
        show_turn(shared, conversation, job)
    st.button("Open the conversation", on_click=open_conversation, args=(conversation.id,), type="tertiary")
