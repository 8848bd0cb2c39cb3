"""The switches of the panel, stored for each user: they survive a reload and a restart.

They are not in the URL: a link that somebody sends must not switch the review off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from nl2sql import NL2SQLError, StoreError
from ui.identity import get_user
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Conversation
from ui.page_server import Choice, Server

_REVIEW: Final = "review"
# Whether this window has it on: a widget's own value goes where a run of the page ends before it is drawn.
_REVIEWS: Final = "reviews"
# Whether the page was last drawn with it on.
_DRAWN: Final = "reviews-drawn"
_MODEL: Final = "model"
_SECONDS: Final = "seconds"
_TABLES: Final = "pinned"
# What the store did not take, by name: it holds in this window.
_UNKEPT: Final = "unkept"
# Why the store did not give what it has, as long as it does not.
_UNREAD: Final = "unread"
_MIN_SECONDS: Final = 0.1
_MAX_NOTE_CHARS: Final = 300


def restore_switches(shared: Server, conversation: Conversation) -> None:
    """Read the user's stored settings into the session state.

    A review that is on in this window stays on, whatever another window has stored. It is also on while the store
    cannot be read.

    Raises:
        DatabaseError: the schema cannot be read.
    """
    state = st.session_state
    state.pop(_UNREAD, None)
    try:
        held = shared.store.preferences.read(user=get_user())
    except StoreError as exc:
        state[_UNREAD] = exc
        held = {_REVIEW: True} | {name: state[name] for name in (_MODEL, _SECONDS) if name in state}
    held |= state.get(_UNKEPT, {})
    state[_REVIEWS] = state[_REVIEW] = state[_DRAWN] = bool(state.get(_REVIEWS)) or held.get(_REVIEW) is True
    choice = _make_choice(shared, held)
    state[_MODEL], state[_SECONDS] = choice.model, choice.seconds
    tables = {table.name for table in shared.get_assistant(conversation).schema.tables}
    chosen = held.get(_make_tables_key(shared))
    state[_TABLES] = [name for name in chosen if name in tables] if isinstance(chosen, list) else []


def is_review_on() -> bool:
    """Return whether SQL is reviewed before it runs."""
    return bool(st.session_state.get(_REVIEWS, False))


def list_pinned_tables() -> list[str]:
    """Return the tables that questions are about, as chosen in the panel."""
    return list(st.session_state.get(_TABLES, []))


def read_choice(shared: Server) -> Choice:
    """Return the model and the time limit as chosen in the panel, within what the settings allow."""
    return _make_choice(shared, st.session_state)


def save_pinned_tables(shared: Server) -> None:
    """Store the pinned tables of this database."""
    _save_preference(shared, _make_tables_key(shared), list_pinned_tables())


def pin_tables(shared: Server, names: Sequence[str]) -> None:
    """Limit questions to these tables, or to none if empty, and store that."""
    st.session_state[_TABLES] = list(names)
    save_pinned_tables(shared)


def show_review_note() -> None:
    """Show beside the input that SQL is reviewed, while it is."""
    if is_review_on():
        unread: StoreError | None = st.session_state.get(_UNREAD)
        why = (
            escape_markdown(f", because your settings cannot be read: {unread.message}. {unread.hint}", _MAX_NOTE_CHARS)
            if unread
            else ""
        )
        st.caption(f":material/visibility: SQL is reviewed before it runs{why}")


def show_switches(shared: Server) -> bool:
    """Show the switches; return whether one of them chooses the model."""
    config = shared.assistant.config
    st.toggle(
        "Review SQL before it runs",
        key=_REVIEW,
        help="Each query waits for your approval. This stays on until you switch it off.",
        on_change=_switch_review,
        args=(shared,),
    )
    if st.session_state.get(_DRAWN, is_review_on()) != is_review_on():
        # The note beside the input is drawn by another part of the page.
        st.rerun()
    name = config.model.name or ("local" if config.model.is_local else "the endpoint's")
    if others := [choice for choice in config.model.choices if choice != config.model.name]:
        st.selectbox(
            "Model",
            [None, *others],
            format_func=lambda choice: choice or name,
            key=_MODEL,
            on_change=_save_switch,
            args=(shared, _MODEL),
        )
    st.number_input(
        "Time limit of one query, in seconds",
        _MIN_SECONDS,
        config.limits.seconds,
        step=1.0,
        key=_SECONDS,
        on_change=_save_switch,
        args=(shared, _SECONDS),
    )
    return bool(others)


def _make_choice(shared: Server, held: Mapping[Any, Any]) -> Choice:
    config, model, seconds = shared.assistant.config, held.get(_MODEL), held.get(_SECONDS)
    most = config.limits.seconds
    given = float(seconds) if isinstance(seconds, int | float) else most
    return Choice(max(min(given, most), _MIN_SECONDS), model if model in config.model.choices else None)


def _switch_review(shared: Server) -> None:
    st.session_state[_REVIEWS] = bool(st.session_state[_REVIEW])
    _save_switch(shared, _REVIEW)


def _save_switch(shared: Server, name: str) -> None:
    """Store the value of the switch of that name."""
    _save_preference(shared, name, st.session_state.get(name))


def _save_preference(shared: Server, name: str, value: object) -> None:
    unkept = st.session_state.setdefault(_UNKEPT, {})
    try:
        shared.store.preferences.set(name, value, user=get_user())
    except NL2SQLError as exc:
        unkept[name] = value
        st.toast(escape_markdown(f"Saved for this window only: {exc.message}. {exc.hint}", _MAX_NOTE_CHARS))
    else:
        unkept.pop(name, None)


def _make_tables_key(shared: Server) -> str:
    """Return the name under which tables of this database are stored."""
    return f"tables of {shared.assistant.url}"
