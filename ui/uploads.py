"""Files that the user adds to a conversation: tables of it alone, joined with the rest, and gone with it.

The engine reads them and says what is wrong with them; here they are only put where it finds them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from nl2sql import NL2SQLError
from ui.conversations import Conversation
from ui.errors import show_error
from ui.plain import plain
from ui.server import Server

KINDS: Final = ("csv", "tsv", "parquet", "json", "jsonl", "ndjson", "xlsx")
_WORKERS: Final = 2
_UNFIT: Final = re.compile(r"[^\w .()+-]")
_NAME_CHARS: Final = 80


def show_uploads(shared: Server, conversation: Conversation) -> None:
    """The way to add files, and those that are there."""
    if conversation.busy:
        st.caption("Files can be added once the answer is there.")
        return
    turn = st.session_state.setdefault("upload-turn", 0)
    given = st.file_uploader(
        "Add files",
        type=list(KINDS),
        accept_multiple_files=True,
        key=f"upload-{turn}",
        help="They are tables of this conversation alone, and are gone after it.",
    )
    if given:
        # A new key empties the uploader, whose list of files would else outlive those that are dropped.
        st.session_state["upload-turn"] = turn + 1
        st.session_state["upload-error"] = _add(shared, conversation, given)
        st.rerun()
    if error := st.session_state.get("upload-error"):
        show_error(error)
    if conversation.folder is not None:
        for file in sorted(Path(conversation.folder.name).iterdir()):
            if st.button(plain(file.name), key=f"drop-{file.name}", icon=":material/close:", help="Remove this file"):
                st.session_state["upload-error"] = _drop(shared, conversation, file)
                st.rerun()


def _add(shared: Server, conversation: Conversation, given: Sequence[UploadedFile]) -> NL2SQLError | None:
    """Put the files beside those that are there; what is wrong with them, if anything is, and then none of them."""
    if conversation.folder is None:
        conversation.folder = TemporaryDirectory(prefix="nl2sql-upload-")
        shared.conversations.keep(conversation)
        st.query_params["session"] = conversation.id
    folder = Path(conversation.folder.name)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    for one in given:
        (folder / safe_name(one.name)).write_bytes(one.getvalue())
    error = _open(shared, conversation)
    if error is not None:
        for file in folder.iterdir():
            file.unlink()
        for file, content in before.items():
            file.write_bytes(content)
    return error


def _drop(shared: Server, conversation: Conversation, file: Path) -> NL2SQLError | None:
    """Take one file away."""
    file.unlink(missing_ok=True)
    return _open(shared, conversation)


def _open(shared: Server, conversation: Conversation) -> NL2SQLError | None:
    """Have the conversation's questions asked of the database with the files that are there."""
    assert conversation.folder is not None
    files = sorted(Path(conversation.folder.name).iterdir())
    try:
        with st.spinner("Reading the files …"):
            own = shared.assistant.with_files(files, workers=_WORKERS) if files else None
    except NL2SQLError as exc:
        return exc
    conversation.use(own)
    return None


def safe_name(name: str) -> str:
    """The file's name without its folders, and with nothing in it but letters, digits and simple signs."""
    plain_name = Path(name.replace("\\", "/")).name
    stem, dot, kind = plain_name.rpartition(".")
    return f"{_UNFIT.sub('_', stem).strip(' .')[:_NAME_CHARS] or 'file'}{dot}{_UNFIT.sub('_', kind)}"
