"""How the files of a conversation were read: doubts, first rows, and a form to read them differently.

The engine reads the files and keeps the account; this shows it and passes on the user's rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from nl2sql import Assistant, FileRules, NL2SQLError, TableAccount, text_of
from ui.error_text import show_error
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Conversation
from ui.page_server import MAX_UPLOAD_WORKERS, Server
from ui.table_preview import quote_name

_PREVIEW_ROWS: Final = 5
_MAX_LINES: Final = 60
_MAX_LINE_CHARS: Final = 300
_AS_FOUND: Final = "as detected"
_DECIMALS: Final = {_AS_FOUND: "", "point: 1.5": ".", "comma: 1,5": ","}
_ORDERS: Final = {_AS_FOUND: "", "day first": "day first", "month first": "month first", "year first": "year first"}
_DELIMITERS: Final = {_AS_FOUND: "", "comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_READ_AS_TEXT: Final = (".csv", ".tsv", ".gz", ".zip", ".xlsx", ".xls", ".ods")


def show_file_reading(shared: Server, conversation: Conversation, file: Path, *, is_busy: bool) -> None:
    """Show a popover for one file: how it was read, its first rows, and the form to read it differently."""
    assistant = conversation.upload_assistant
    if assistant is None:
        return
    accounts = _find_accounts(assistant, file)
    doubts = sum(len(account.list_doubts()) for account in accounts)
    label = "How it was read" if not doubts else f"How it was read: {doubts} {'doubt' if doubts == 1 else 'doubts'}"
    icon = ":material/warning:" if doubts else ":material/table_view:"
    with st.popover(label, icon=icon, type="tertiary"):
        for account in accounts:
            for line in list(account.describe())[:_MAX_LINES]:
                st.caption(escape_markdown(line, _MAX_LINE_CHARS))
            _show_first_rows(assistant, account)
        if file.suffix.lower() in _READ_AS_TEXT:
            _show_rules(shared, conversation, file, accounts, is_busy=is_busy)


def _find_accounts(assistant: Assistant, file: Path) -> list[TableAccount]:
    tables = {upload.table for upload in assistant.database.uploads if upload.file == file.name}
    return [account for account in assistant.database.imports if account.table in tables]


def _show_first_rows(assistant: Assistant, account: TableAccount) -> None:
    """Show the first rows as they were read."""
    name = ".".join(map(quote_name, account.table.split(".", 1)))
    try:
        result = assistant.run(f"SELECT * FROM {name} LIMIT {_PREVIEW_ROWS}")
    except NL2SQLError as exc:
        show_error(exc)
        return
    shown = {column.name: [text_of(row[i]) for row in result.rows] for i, column in enumerate(result.columns)}
    st.dataframe(shown, hide_index=True)


def _show_rules(
    shared: Server, conversation: Conversation, file: Path, accounts: list[TableAccount], *, is_busy: bool
) -> None:
    """Show the form that sets how the file is read."""
    rules = conversation.file_rules.get(file.name, FileRules())
    failed = f"reading-error-{conversation.id}-{file.name}"
    names = [column.name for account in accounts for column in account.columns]
    with st.form(f"reading-{file.name}", border=False):
        chosen = _read_form(rules, names, file.name)
        wanted = st.form_submit_button("Read it again", icon=":material/refresh:", disabled=is_busy)
    if wanted:
        st.session_state[failed] = _read_again(shared, conversation, file, chosen)
        st.rerun()
    if error := st.session_state.get(failed):
        show_error(error)


def _read_form(rules: FileRules, columns: Sequence[str], file: str) -> FileRules:
    """Show the fields of the form, filled in with the rules, and return what is chosen in them."""
    header = st.number_input(
        "Header line",
        min_value=0,
        value=rules.header,
        placeholder="as detected",
        help="0 if there is no header.",
        key=f"header-{file}",
    )
    decimal = _select("Decimal sign", _DECIMALS, rules.decimal, f"decimal-{file}")
    dates = _select("Dates", _ORDERS, rules.dates, f"dates-{file}")
    delimiter = _select("Delimiter", _DELIMITERS, rules.delimiter, f"sign-{file}")
    null = st.text_input(
        "Text for missing values",
        ", ".join(rules.null),
        placeholder="-, n/a",
        help="Separate them with commas.",
        key=f"null-{file}",
    )
    texts = st.multiselect(
        "Keep as text", columns, default=[name for name in columns if rules.types.get(name) == "text"]
    )
    return FileRules(
        header=None if header is None else int(header),
        delimiter=delimiter,
        decimal=decimal,
        dates=dates,
        null=tuple(part.strip() for part in null.split(",") if part.strip()),
        types=dict.fromkeys(texts, "text"),
    )


def _select(label: str, options: Mapping[str, str], value: str, key: str) -> str:
    """Show a select box of the options by label, and return the value of the chosen one."""
    chosen = st.selectbox(label, list(options), index=list(options.values()).index(value), key=key)
    return options[chosen]


def _read_again(shared: Server, conversation: Conversation, file: Path, rules: FileRules) -> NL2SQLError | None:
    """Read the files again by these rules; return the error, after which everything is as before."""
    with conversation.files_lock:
        said = {**conversation.file_rules, file.name: rules}
        try:
            with st.spinner("Reading the files …"):
                own = shared.assistant.with_files(conversation.files, workers=MAX_UPLOAD_WORKERS, rules=said)
        except NL2SQLError as exc:
            return exc
        conversation.file_rules = said
        conversation.set_upload_assistant(own)
    return None
