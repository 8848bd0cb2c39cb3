"""What was asked before, by this user, on any face: found by its words, opened again without its rows.

The store remembers; this shows it.
"""

from __future__ import annotations

import datetime as dt
from pathlib import PurePath
from typing import Final

import streamlit as st

from nl2sql import Answer, ConfigError, HistoryEntry, Status, Store
from ui.again import draw_again
from ui.conversations import TURNS, Conversation
from ui.errors import errors_shown
from ui.jobs import Job
from ui.plain import plain

_SHOWN: Final = 30
_LABEL: Final = 70
_ICONS: Final = {
    Status.ANSWERED: ":material/check:",
    Status.REFUSED: ":material/shield:",
    Status.FAILED: ":material/error:",
}


@st.fragment
@errors_shown
def show_history(store: Store, owner: str | None, conversation: Conversation) -> None:
    """The newest questions that have these words; read again while one is under way in the conversation."""
    words = st.text_input("Search the history", key="history", placeholder="Words of question, answer or SQL")
    # Asked before the entries are read: an answer that comes in between is there.
    under_way = conversation.running is not None
    entries = store.entries(search=words, user=owner, limit=_SHOWN)
    for entry in entries:
        icon = _ICONS.get(entry.status, ":material/help:")
        label = f"{icon} {plain(entry.question, _LABEL)} :small[{plain(_when(entry.at))}]"
        if st.button(label, key=f"entry-{entry.id}", type="tertiary"):
            open_answer(entry.id)
            st.rerun()
    if not entries:
        st.caption("Nothing has these words." if words else "Nothing has been asked yet.")
    if under_way:
        draw_again("history")


def open_answer(answer_id: str) -> None:
    """Go to the answer's own address."""
    st.query_params.clear()
    st.query_params["answer"] = answer_id


def open_conversation(conversation_id: str) -> None:
    """Go to the conversation's address."""
    st.query_params.clear()
    st.query_params["session"] = conversation_id


def remembered_conversation(store: Store, session: str, owner: str | None, url: str) -> Conversation | None:
    """The conversation as the store has it; None where the user has no such one. `url` is the opened database."""
    entries = store.entries(session=session, user=owner, limit=TURNS)
    if not entries:
        return None
    conversation = Conversation(owner, id=session)
    conversation.jobs += [_job(entry, owner, url) for entry in reversed(entries)]
    return conversation


def remembered_answer(store: Store, answer_id: str, owner: str | None, url: str) -> tuple[Conversation, Job] | None:
    """The answer and its conversation as the store has them."""
    try:
        entry = store.entry(answer_id, user=owner)
    except ConfigError:
        return None
    if entry.id != answer_id:
        return None
    conversation = remembered_conversation(store, entry.session, owner, url) if entry.session else None
    conversation = conversation or Conversation(owner, jobs=[_job(entry, owner, url)])
    jobs = [job for job in conversation.jobs if job.view.answer and job.view.answer.id == entry.id]
    return (conversation, jobs[0]) if jobs else (conversation, _job(entry, owner, url))


def _job(entry: HistoryEntry, owner: str | None, url: str) -> Job:
    """A finished job that has what was kept of the answer."""
    job = Job(entry.question, owner)
    job.remembered = True
    if entry.url != url:
        job.elsewhere = PurePath(entry.url).name or entry.url
    answer = Answer(
        entry.id,
        entry.question,
        entry.status,
        entry.text,
        sql=entry.sql,
        verified_query=entry.verified_query,
        usage=entry.usage,
        seconds=entry.seconds,
        model=entry.model,
        error=entry.error,
        session=entry.session,
    )
    job.change(answer=answer)
    job.end()
    return job


def _when(at: dt.datetime) -> str:
    here = at.astimezone()
    return here.strftime("%H:%M") if here.date() == dt.datetime.now().astimezone().date() else here.strftime("%d %b %Y")
