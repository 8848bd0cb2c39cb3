"""The form that saves an answer's SQL as a verified query, after a person has read and approved it.

The guard checks the SQL and the store writes the file. Without a project file there is no button.
"""

from __future__ import annotations

import datetime as dt
import getpass
import re
from typing import Final

import streamlit as st

from nl2sql import Answer, Assistant, ConfigError, NL2SQLError, VerifiedQueries, VerifiedQuery
from ui.answer_state import get_answer_state
from ui.error_text import show_error, show_errors_in_place
from ui.identity import get_user
from ui.markdown_escape import escape_markdown

_MAX_NAME_CHARS: Final = 40
_UNFIT: Final = re.compile(r"[^a-z0-9]+")


def show_verify(assistant: Assistant, owner: str | None, answer: Answer, question: str, key: str) -> None:
    """Show the button that opens the approval. `assistant` has no uploads."""
    if assistant.config.file is None or not answer.sql or answer.verified_query:
        return
    if saved := get_answer_state(key).get("verified"):
        st.caption(f":material/verified_user: Saved as {escape_markdown(saved)}")
    elif st.button("Save as verified", icon=":material/verified:", type="tertiary", key=f"verify-{key}"):
        _show_approval_dialog(assistant, owner, answer, question, key)


@st.dialog("Save as verified", width="large", icon=":material/verified:")
@show_errors_in_place
def _show_approval_dialog(assistant: Assistant, owner: str | None, answer: Answer, question: str, key: str) -> None:
    """Show the approval: the SQL, its name, and the button to save it."""
    if refused := find_refusal(assistant, owner):
        show_error(refused)
        return
    if problem := find_misfit(assistant, answer.sql or ""):
        st.caption("A verified query can use the database only, not the files of a conversation.")
        show_error(problem)
        return
    st.caption("Everyone who asks this question will get this SQL. Read it before you save it.")
    for line in answer.reading:
        st.text(line)
    st.code(assistant.database.format_sql(answer.sql or ""), language="sql", wrap_lines=True)
    with st.form(f"verify-form-{key}", border=False):
        said = st.text_input("Question", value=question, key=f"verify-question-{key}")
        name = st.text_input("Name", value=make_name(question), key=f"verify-name-{key}")
        description = st.text_input(
            "Description", key=f"verify-description-{key}", placeholder="Notes for the people who use it"
        )
        first = st.checkbox("Suggest it on the start page", key=f"verify-first-{key}")
        wanted = st.form_submit_button("Save as verified", type="primary")
    if wanted and (file := save_query(assistant, answer, said, name, description, first)):
        get_answer_state(key)["verified"] = file
        st.toast(f"Saved as {escape_markdown(file)}", icon=":material/verified_user:")
        st.rerun()


def find_refusal(assistant: Assistant, owner: str | None) -> NL2SQLError | None:
    """Return why this person may not save; None where they may, or sign-in is off."""
    editors = assistant.config.page.editors
    if owner is None or owner in editors:
        return None
    who = "is not one of them" if editors else "is not one of them: no editors are named"
    return ConfigError(
        f"only editors can save verified queries, and {owner} {who}",
        "Ask the person who runs the page to name you in editors under [page].",
    )


def find_misfit(assistant: Assistant, sql: str) -> NL2SQLError | None:
    """Return why the SQL cannot be saved; None where it can."""
    try:
        assistant.database.check_or_raise(sql)
    except NL2SQLError as exc:
        return exc
    return None


def save_query(
    assistant: Assistant, answer: Answer, question: str, name: str, description: str, is_first: bool
) -> str | None:
    """Save the query and return its file's name; where that fails, show why and return None."""
    try:
        # Asked again where it counts: the form may have been drawn before, or by no browser at all.
        if refused := find_refusal(assistant, get_user()):
            raise refused
        query = VerifiedQuery(
            name=name,
            question=question,
            sql=assistant.database.format_sql(answer.sql or ""),
            description=description,
            verified_by=get_user() or getpass.getuser(),
            verified_at=dt.date.today(),
            use_as_onboarding_question=is_first,
        )
        assistant.database.check_or_raise(query.bind_samples())
        path = VerifiedQueries.open_for_project(assistant.config).add(query)
    except NL2SQLError as exc:
        show_error(exc)
        return None
    return f"queries/{path.name}"


def make_name(question: str) -> str:
    """Return a name for the question's file."""
    words = _UNFIT.sub("_", question.lower()).strip("_")
    words = (
        words
        if len(words) <= _MAX_NAME_CHARS
        else words[:_MAX_NAME_CHARS].rpartition("_")[0] or words[:_MAX_NAME_CHARS]
    )
    return words if words[:1].isalpha() else f"q_{words}".rstrip("_")
