"""Files that the user adds to a conversation: tables of it alone, joined with the rest, and gone with it.

The engine reads them and says what is wrong with them; here they are only put where it finds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from nl2sql import NL2SQLError
from ui.again import draw_again
from ui.conversations import Conversation
from ui.errors import errors_shown, show_error
from ui.plain import plain
from ui.server import UPLOAD_WORKERS, Server

KINDS: Final = ("csv", "tsv", "parquet", "json", "jsonl", "ndjson", "xlsx")
_UNFIT: Final = re.compile(r"[^\w .()+-]")
_NAME_CHARS: Final = 80


@errors_shown
def show_uploads(shared: Server, conversation: Conversation) -> None:
    """The way to add files, and those that are there. During an answer nothing changes: what is given waits for it."""
    busy = conversation.busy
    turn, failed = f"upload-turn-{conversation.id}", f"upload-error-{conversation.id}"
    given = st.file_uploader(
        "Add files",
        type=list(KINDS),
        accept_multiple_files=True,
        key=f"upload-{conversation.id}-{st.session_state.get(turn, 0)}",
        help="They are tables of this conversation alone, and are gone after it.",
    )
    if given and busy:
        st.caption("They are added once the answer is there.")
    elif given:
        # A new key empties the uploader, whose list of files would else outlive those that are dropped.
        st.session_state[turn] = st.session_state.get(turn, 0) + 1
        st.session_state[failed] = _add(shared, conversation, given)
        st.rerun()
    if error := st.session_state.get(failed):
        show_error(error)
    shared.assistant_of(conversation)
    if conversation.lost_files:
        st.info("The files of this conversation are gone: the page keeps them for a while only. Add them again.")
    for file in conversation.files:
        if st.button(
            plain(file.name),
            key=f"drop-{file.name}",
            icon=":material/close:",
            help="Files can be removed once the answer is there." if busy else "Remove this file",
            disabled=busy,
        ):
            st.session_state[failed] = _drop(shared, conversation, file)
            st.rerun()
    if busy and (given or conversation.files):
        draw_again("files")


def _add(shared: Server, conversation: Conversation, given: Sequence[UploadedFile]) -> NL2SQLError | None:
    """Put the files beside those that are there; what is wrong with them, if anything is, and then none of them."""
    with conversation.changing:
        if conversation.folder is None:
            try:
                conversation.folder = shared.assistant.upload_folder()
            except NL2SQLError as exc:
                return exc
            conversation.lost_files = False
            shared.conversations.keep(conversation)
            st.query_params["session"] = conversation.id
        folder = conversation.folder.path
        before = {file: file.read_bytes() for file in conversation.files}
        originals = dict(conversation.originals)
        for one, name in zip(given, file_names([one.name for one in given], originals), strict=True):
            (folder / name).write_bytes(one.getvalue())
            conversation.originals[name] = one.name
        error = _open(shared, conversation)
        if error is not None:
            for file in conversation.files:
                file.unlink()
            for file, content in before.items():
                file.write_bytes(content)
            conversation.originals = originals
        return error


def _drop(shared: Server, conversation: Conversation, file: Path) -> NL2SQLError | None:
    """Take one file away."""
    with conversation.changing:
        file.unlink(missing_ok=True)
        conversation.originals.pop(file.name, None)
        return _open(shared, conversation)


def _open(shared: Server, conversation: Conversation) -> NL2SQLError | None:
    """Have the conversation's questions asked of the database with the files that are there."""
    files = conversation.files
    try:
        with st.spinner("Reading the files …"):
            own = shared.assistant.with_files(files, workers=UPLOAD_WORKERS) if files else None
    except NL2SQLError as exc:
        return exc
    conversation.use(own)
    return None


def file_names(given: Sequence[str], held: Mapping[str, str]) -> list[str]:
    """What files of these names are called here, each like no other: numbered where that would be one name.

    `held` has the names of the files that are there, each with the user's own name for it: a further file of the
    user's same name takes the place of the earlier one.
    """
    taken = {name.casefold(): original for name, original in held.items()}
    names: list[str] = []
    for original in given:
        stem, dot, kind = safe_name(original).rpartition(".")
        name, number = f"{stem}{dot}{kind}", 1
        while taken.get(name.casefold(), original) != original or name.casefold() in map(str.casefold, names):
            number += 1
            name = f"{stem}_{number}{dot}{kind}"
        names.append(name)
    return names


def safe_name(name: str) -> str:
    """The file's name without its folders, and with nothing in it but letters, digits and simple signs."""
    plain_name = Path(name.replace("\\", "/")).name
    stem, dot, kind = plain_name.rpartition(".")
    return f"{_UNFIT.sub('_', stem).strip(' .')[:_NAME_CHARS] or 'file'}{dot}{_UNFIT.sub('_', kind)}"
