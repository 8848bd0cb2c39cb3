"""One run of the page: the user, the conversation, what is shown, and what is asked.

The parts that all pages share come from `page_server`; each part of the page draws itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from nl2sql import Assistant, ChartWish, NL2SQLError, read_wish
from ui.answer_state import drop_other_answer_states
from ui.answers import show_turn, summarize
from ui.auto_refresh import refresh_while_visible
from ui.board import find_pinned_answers, leave_board, show_board
from ui.browser_window import set_up_window
from ui.chart_view import apply_wish, has_chart
from ui.error_text import show_error
from ui.grid import draw_grid
from ui.history_panel import find_title, open_conversation, restore_answer, restore_conversation
from ui.identity import ensure_signed_in, get_user
from ui.jobs import Job
from ui.markdown_escape import escape_markdown
from ui.mentions import offer_mentions, show_pins
from ui.page_conversations import Conversation
from ui.page_server import Server, get_server
from ui.sidebar import show_sidebar
from ui.style import apply_style
from ui.submission import AskSettings, ask, show_suggestions, take_clicked_question
from ui.switches import is_review_on, list_pinned_tables, read_choice, restore_switches, show_review_note
from ui.upload_panel import KINDS, add_files

MAX_QUESTION_CHARS: Final = 4000
_TITLE: Final = "title"
_MAX_TITLE_CHARS: Final = 80
_ICON: Final = Path(__file__).parent / "icon.svg"
_RETURNED: Final = "returned-question"
_OPEN_TURNS: Final = 2
_MIN_VISIBLE_TURNS: Final = 3
# So many more are shown until they are put away together: most questions leave the others in their places.
_COLLAPSE_STEP_TURNS: Final = 4


def show() -> None:
    """Draw the page."""
    # The title of the run before: another one in between would flicker.
    st.set_page_config(st.session_state.get(_TITLE, "nl2sql"), page_icon=str(_ICON), layout="wide")
    apply_style()
    try:
        if ensure_signed_in():
            _show_conversation_page(get_server())
    except NL2SQLError as exc:
        show_error(exc)
        st.button("Try again", icon=":material/refresh:")


def _show_conversation_page(shared: Server) -> None:
    if "board" in st.query_params:
        _show_board(shared)
        return
    leave_board()
    if answer := st.query_params.get("answer"):
        _show_single_answer(shared, answer)
        return
    conversation = _find_conversation(shared)
    # A place of its own, so that the first question empties it at once, and no later one moves the page.
    welcome = st.empty()
    _take_question(shared, conversation)
    show_sidebar(shared, conversation)
    if conversation.jobs:
        set_title(find_title(shared.store, conversation))
        show_turns(shared, conversation)
        _watch(conversation, [job.id for job in conversation.jobs])
    else:
        set_title("")
        with welcome.container():
            _show_welcome(shared, shared.get_assistant(conversation))


def _show_board(shared: Server) -> None:
    """Show the board and the sidebar."""
    empty = Conversation(get_user())
    restore_switches(shared, empty)
    show_sidebar(shared, empty)
    set_title("Board")
    show_board(shared, get_user())


def set_title(text: str) -> None:
    """Set the title of the browser tab; empty for the product's name alone."""
    line = " ".join(text.split())
    line = line if len(line) <= _MAX_TITLE_CHARS else line[: _MAX_TITLE_CHARS - 1] + "…"
    title = st.session_state[_TITLE] = f"{line} · nl2sql" if line else "nl2sql"
    st.set_page_config(title)


def _take_question(shared: Server, conversation: Conversation, shown_job: Job | None = None) -> bool:
    """Show the question box, and start what was asked; return whether a question was started.

    `shown_job` is the answer on the page where that is not the last one.
    """
    restore_switches(shared, conversation)
    if (returned := st.session_state.pop(_RETURNED, None)) is not None:
        st.session_state["question"] = returned
        st.toast("The files were not added, so nothing was asked. The panel shows why.", icon=":material/error:")
    with st.bottom:
        show_review_note()
        show_pins(shared)
        # At the bottom of the window, where Streamlit does not scroll to the end of the page for each answer.
        asked = st.chat_input(
            "Ask a question about the data",
            max_chars=MAX_QUESTION_CHARS,
            key="question",
            accept_file="multiple",
            file_type=list(KINDS),
        )
    if asked is not None and asked.files and not add_files(shared, conversation, asked.files):
        # Without its files it would be another question.
        st.session_state[_RETURNED] = asked.text
        st.rerun()
    assistant = shared.get_assistant(conversation)
    offer_mentions(assistant.schema.tables)
    question = (asked.text.strip() if asked is not None else "") or take_clicked_question()
    asks = False
    if question:
        wish, rest = read_wish(question, assistant.database.list_identifiers())
        last = shown_job or (conversation.jobs[-1] if conversation.jobs else None)
        asks = wish is None or bool(rest) or last is None or not _change_chart(assistant, last, wish)
        if asks:
            settings = AskSettings(list_pinned_tables(), is_review_on(), read_choice(shared))
            job = ask(shared, conversation, rest or question, settings)
            if wish is not None and rest:
                apply_wish(job.id, wish)
                job.typed_text = question
    set_up_window([job.question for job in conversation.jobs])
    return asks


def _change_chart(assistant: Assistant, job: Job, wish: ChartWish) -> bool:
    """Change the chart of that answer; return False where it has none."""
    answer = job.view.answer
    if answer is None or answer.result is None or not has_chart(assistant, answer.sql or "", answer.result):
        return False
    apply_wish(job.id, wish)
    return True


def _find_conversation(shared: Server) -> Conversation:
    """Return the conversation of this address, else a new one."""
    asked = st.query_params.get("session")
    own: Conversation | None = st.session_state.get("conversation")
    if own is not None and own.is_deleted:
        own = None
    if asked and (own is None or own.id != asked):
        own = shared.conversations.find(asked, get_user())
        own = own or restore_conversation(shared.store, asked, get_user(), shared.assistant.url)
        if own is None:
            st.toast("That conversation is no longer here. This is a new one.")
            del st.query_params["session"]
    if own is None or (not asked and own.jobs):
        own = Conversation(get_user())
    elif asked:
        own = shared.conversations.keep(own)
    st.session_state["conversation"] = own
    return own


def show_turns(shared: Server, conversation: Conversation) -> None:
    """Show the last turns; earlier ones are collapsed, and very early ones are behind a button."""
    jobs = conversation.jobs
    put_away = max(0, len(jobs) - _MIN_VISIBLE_TURNS) // _COLLAPSE_STEP_TURNS * _COLLAPSE_STEP_TURNS
    pinned = _find_pinned_jobs(shared, conversation)
    earlier = jobs if conversation.id in _get_opened_ids() else pinned
    shown = [job for position, job in enumerate(jobs) if position >= put_away or job in earlier]
    drop_other_answer_states(_list_state_keys(shown, conversation))
    if len(shown) < len(jobs):
        _show_open_button(f"Show {len(jobs) - len(shown)} earlier", conversation.id, ":material/expand_less:")
    with st.container(key="turns"):
        for job in shown:
            with st.container(key=f"turn-{job.id}", gap="small"):
                st.header(escape_markdown(job.question, MAX_QUESTION_CHARS), anchor=False)
                if not job.view.is_done or job in [*jobs[-_OPEN_TURNS:], *pinned] or job.id in _get_opened_ids():
                    show_turn(shared, conversation, job, is_last=job is jobs[-1])
                else:
                    st.text(summarize(job))
                    _show_open_button("Open it", job.id)


@st.fragment
def _watch(conversation: Conversation, drawn_ids: Sequence[str]) -> None:
    """Redraw the page once another window has asked something in the conversation, or deleted it."""
    if conversation.is_deleted or [job.id for job in conversation.jobs] != drawn_ids:
        st.rerun()
    refresh_while_visible("conversation")


def _find_pinned_jobs(shared: Server, conversation: Conversation) -> list[Job]:
    """Return the questions whose answers are pinned: they stay open."""
    ids = find_pinned_answers(shared, conversation.owner)
    return [job for job in conversation.jobs if job.view.answer is not None and job.view.answer.id in ids]


def _list_state_keys(jobs: Sequence[Job], conversation: Conversation) -> set[str]:
    """Return the keys of the state of these jobs and of their branches."""
    ids = {job.id for job in jobs}
    return ids | {own.id for job_id, own in list(conversation.branches.items()) if job_id in ids}


def _get_opened_ids() -> set[str]:
    """Return the ids of what the user has opened."""
    opened: set[str] = st.session_state.setdefault("opened", set())
    return opened


def _show_open_button(label: str, id_: str, icon: str | None = None) -> None:
    """Show the button that opens it."""
    st.button(label, key=f"open-{id_}", type="tertiary", icon=icon, on_click=_get_opened_ids().add, args=(id_,))


def _show_welcome(shared: Server, assistant: Assistant) -> None:
    """Show the start page."""
    tables = len(assistant.schema.tables)
    with st.container(key="welcome"):
        st.header(escape_markdown(shared.database), anchor=False)
        st.caption(f"{tables} table{'' if tables == 1 else 's'}, read only")
        show_suggestions(assistant.database.suggest_questions(), "first")
    with st.container(key="warm"):
        # Unseen: it has the browser load what draws tables before the first one is there.
        draw_grid([], [], key="grid-warm", caption="")


def _show_single_answer(shared: Server, job_id: str) -> None:
    """Show an answer by its own link."""
    found = shared.conversations.find_answer(job_id, get_user())
    found = found or restore_answer(shared.store, job_id, get_user(), shared.assistant.url)
    if found is None:
        set_title("")
        restore_switches(shared, empty := Conversation(get_user()))
        show_sidebar(shared, empty)
        st.info("That answer is no longer here. Look in the history, or start a new conversation.")
        return
    conversation, job = shared.conversations.keep(found[0]), found[1]
    set_title(job.question)
    if _take_question(shared, conversation, job):
        # The new answer belongs to the conversation.
        st.session_state["conversation"] = conversation
        st.rerun()
    show_sidebar(shared, conversation)
    drop_other_answer_states(_list_state_keys([*conversation.jobs, job], conversation))
    with st.container(key=f"turn-{job.id}", gap="small"):
        st.header(escape_markdown(job.question, MAX_QUESTION_CHARS), anchor=False)
        show_turn(shared, conversation, job)
    st.button("Open the conversation", on_click=open_conversation, args=(conversation.id,), type="tertiary")
