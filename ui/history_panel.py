"""The history of this user: conversations by day, with search, rename, pin and delete.

The store keeps it; this shows it, and asks before it deletes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import groupby
from pathlib import PurePath
from typing import Final

import streamlit as st

from nl2sql import Answer, ConfigError, ConversationEntry, HistoryEntry, NL2SQLError, Status, Store, StoreError
from ui.auto_refresh import schedule_refresh
from ui.error_text import show_error, show_errors_in_place
from ui.jobs import Job
from ui.markdown_escape import escape_markdown
from ui.page_conversations import MAX_TURNS, Conversation
from ui.page_server import Server

_PAGE_CONVERSATIONS: Final = 30
_MAX_MATCHES: Final = 200
_MAX_TITLE_CHARS: Final = 70
_MAX_NAME_CHARS: Final = 30
_ICONS: Final = {
    Status.REFUSED: ":material/shield:",
    Status.FAILED: ":material/error:",
    Status.CLARIFY: ":material/help:",
}
_SHOWN: Final = "history-shown"


@st.fragment
@show_errors_in_place
def show_history(shared: Server, owner: str | None, conversation: Conversation) -> None:
    """Show the conversations that match the search; refresh while a question of this one is running."""
    words = st.text_input(
        "Search the history",
        key="history",
        placeholder="Search questions, answers, SQL",
        label_visibility="collapsed",
    )
    most = st.session_state.setdefault(_SHOWN, _PAGE_CONVERSATIONS)
    # Asked before the entries are read: an answer that comes in between is there.
    under_way = conversation.pending_job is not None
    entries = shared.store.conversations.list(search=words, user=owner, limit=most + 1)
    found = _find_questions(shared.store, words, owner)
    with st.container(key="conversations", gap=None):
        for heading, listed in groupby(entries[:most], key=_write_heading):
            st.caption(heading)
            for entry in listed:
                _show_conversation(shared, owner, entry, is_open=entry.session == conversation.id)
                _show_questions(entry, found.get(entry.session, []))
    if not entries:
        st.caption("No question has these words." if words else "Nothing has been asked yet.")
    elif len(entries) > most:
        st.button("Show more", key="history-more", type="tertiary", on_click=_show_more)
    if under_way:
        schedule_refresh("history")


def _find_questions(store: Store, words: str, owner: str | None) -> dict[str | None, list[HistoryEntry]]:
    """Return the questions that match the search, by session, oldest first; none without a search."""
    found: dict[str | None, list[HistoryEntry]] = {}
    for entry in reversed(store.list_entries(search=words, user=owner, limit=_MAX_MATCHES)) if words.strip() else ():
        found.setdefault(entry.session, []).append(entry)
    return found


def _show_more() -> None:
    st.session_state[_SHOWN] += _PAGE_CONVERSATIONS


def _write_heading(entry: ConversationEntry) -> str:
    """Return the heading of an entry: Pinned, or the day of its last question."""
    return ":material/keep: Pinned" if entry.pinned else describe_day(entry.at)


def describe_day(at: dt.datetime, now: dt.datetime | None = None) -> str:
    """Return the local day of a moment: Today, Yesterday, or its date."""
    day, today = at.astimezone().date(), (now or dt.datetime.now()).astimezone().date()
    names = {today: "Today", today - dt.timedelta(days=1): "Yesterday"}
    return names.get(day) or f"{day.day} {day:%b %Y}"


def describe_time(at: dt.datetime) -> str:
    """Return the local day and time of a moment."""
    day = describe_day(at)
    return f"{day[0].lower() if day[0] in 'TY' else day[0]}{day[1:]}, {at.astimezone():%H:%M}"


def _show_conversation(shared: Server, owner: str | None, entry: ConversationEntry, *, is_open: bool) -> None:
    """Show one conversation: a button that opens it, and a menu."""
    title = escape_markdown(entry.title, _MAX_TITLE_CHARS)
    icons = [_ICONS.get(entry.status, ""), ":material/thumb_down:" if entry.has_bad else ""]
    place = (
        f" :small[{escape_markdown(name_database(entry.url), _MAX_NAME_CHARS)}]"
        if entry.url != shared.assistant.url
        else ""
    )
    label = " ".join(filter(None, [*icons, f"**{title}**" if is_open else title])) + place
    key = entry.session or entry.id
    with st.container(horizontal=True, vertical_alignment="center", gap=None, key=f"conversation-{entry.id}"):
        if st.button(label, key=f"entry-{entry.id}", type="tertiary", width="stretch"):
            if entry.session:
                open_conversation(entry.session)
            else:
                open_answer(entry.id)
            st.rerun()
        actions = ["Rename", "Unpin" if entry.pinned else "Pin"] if entry.session else []
        chosen = st.menu_button(
            f"More: {title}", [*actions, "Delete"], key=f"more-{key}", icon=":material/more_horiz:", type="tertiary"
        )
    if chosen == "Rename":
        _rename(shared, owner, entry)
    elif chosen == "Delete":
        _delete(shared, owner, entry)
    elif chosen and entry.session:
        shared.store.conversations.pin(entry.session, chosen == "Pin", user=owner)
        st.rerun(scope="fragment")


def _show_questions(entry: ConversationEntry, found: Iterable[HistoryEntry]) -> None:
    """Show the questions of a conversation that match the search."""
    for one in found if entry.session else ():
        icon = _ICONS.get(one.status, ":material/subdirectory_arrow_right:")
        label = f"{icon} :small[{escape_markdown(one.question, _MAX_TITLE_CHARS)}]"
        if st.button(label, key=f"found-{one.id}", type="tertiary", width="stretch"):
            open_answer(one.id)
            st.rerun()


@st.dialog("Rename the conversation")
def _rename(shared: Server, owner: str | None, entry: ConversationEntry) -> None:
    with st.form("rename", border=False):
        name = st.text_input("Name", entry.title, max_chars=200, help="Leave it empty to use the first question.")
        if st.form_submit_button("Save", type="primary"):
            try:
                shared.store.conversations.rename(entry.session or "", name, user=owner)
            except NL2SQLError as exc:
                show_error(exc)
            else:
                st.rerun()


@st.dialog("Delete the conversation?")
def _delete(shared: Server, owner: str | None, entry: ConversationEntry) -> None:
    """Ask, and delete the conversation of this user from the store."""
    st.text(entry.title)
    st.caption(_describe_loss(entry))
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="delete-yes"):
            try:
                deleted = delete_conversation(shared, owner, entry)
            except NL2SQLError as exc:
                show_error(exc)
                return
            st.toast(f"Deleted: {deleted:,} question{'' if deleted == 1 else 's'}.")
            if entry.session and st.query_params.get("session") == entry.session:
                st.query_params.clear()
            st.rerun()
        if st.button("Keep it", key="delete-no"):
            st.rerun()


def _describe_loss(entry: ConversationEntry) -> str:
    """Return what is deleted with the conversation."""
    gone = "1 question" if entry.questions == 1 else f"{entry.questions:,} questions"
    pinned = entry.pinned_answers
    board = f" {pinned:,} pinned answer{' leaves' if pinned == 1 else 's leave'} your board." if pinned else ""
    deleted = f"This deletes {gone} for good, with SQL and answers, here and in nl2sql history."
    return f"{deleted}{board} The data is not changed."


def delete_conversation(shared: Server, owner: str | None, entry: ConversationEntry) -> int:
    """Delete the conversation, and return how many questions it had.

    Raises:
        ConfigError: one of its questions is still running.
    """
    if entry.session is not None:
        held = shared.conversations.find(entry.session, owner)
    else:
        # It is in a conversation of the page once somebody has opened it.
        found = shared.conversations.find_answer(entry.id, owner)
        held = found[0] if found is not None else None
    if held is not None and held.is_busy:
        raise ConfigError(
            "a question in it is still running", "Stop it or wait for its answer, then delete the conversation."
        )
    conversations = shared.store.conversations
    if entry.session is not None:
        deleted = conversations.delete(entry.session, user=owner)
    else:
        deleted = conversations.delete_answer(entry.id, user=owner)
    if held is not None:
        shared.conversations.forget(held.id, owner)
    return deleted


def open_answer(answer_id: str) -> None:
    """Open the answer's own page."""
    st.query_params.from_dict({"answer": answer_id})


def open_conversation(conversation_id: str) -> None:
    """Open the conversation's page."""
    st.query_params.from_dict({"session": conversation_id})


def find_title(store: Store, conversation: Conversation) -> str:
    """Return the conversation's name, else its first question."""
    try:
        name = store.conversations.find_name(conversation.id, user=conversation.owner)
    except StoreError:
        name = ""
    return name or conversation.jobs[0].question


def name_database(url: str) -> str:
    """Return the database's name, without its folders."""
    return PurePath(url).name or url


def restore_conversation(store: Store, session: str, owner: str | None, url: str) -> Conversation | None:
    """Return the conversation from the store; None where the user has none of that id.

    `url` is the opened database.
    """
    entries = store.list_entries(session=session, user=owner, limit=MAX_TURNS)
    if not entries:
        return None
    conversation = Conversation(owner, id=session)
    conversation.jobs += [make_job(entry, owner, url) for entry in reversed(entries)]
    return conversation


def restore_answer(store: Store, answer_id: str, owner: str | None, url: str) -> tuple[Conversation, Job] | None:
    """Return the answer's conversation and its job from the store; None where the user has no such answer."""
    try:
        entry = store.get_entry(answer_id, user=owner)
    except ConfigError:
        return None
    if entry.id != answer_id:
        return None
    conversation = restore_conversation(store, entry.session, owner, url) if entry.session else None
    conversation = conversation or Conversation(owner, jobs=[make_job(entry, owner, url)])
    jobs = [job for job in conversation.jobs if job.view.answer and job.view.answer.id == entry.id]
    return (conversation, jobs[0]) if jobs else (conversation, make_job(entry, owner, url))


def make_job(entry: HistoryEntry, owner: str | None, url: str) -> Job:
    """Return a finished job with what the store has of the answer."""
    job = Job(entry.question, owner)
    job.history_entry = entry
    job.asked_at = entry.at.timestamp()
    if entry.url != url:
        job.other_database = name_database(entry.url)
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
    job.update(answer=answer)
    job.end()
    return job
