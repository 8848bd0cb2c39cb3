"""Files that the user adds to a conversation: tables of this conversation only, removed with it.

The engine reads them and reports what is wrong with them; this only puts them where it finds them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from nl2sql import Assistant, ConfigError, LimitError, NL2SQLError
from ui.auto_refresh import schedule_refresh
from ui.error_text import show_error, show_errors_in_place
from ui.file_readings import show_file_reading
from ui.markdown_escape import escape_markdown
from ui.page_conversations import SET_ASIDE_PREFIX, Conversation, make_unreadable_error
from ui.page_server import MAX_UPLOAD_WORKERS, Server
from ui.request_guard import MAX_FILES, format_megabytes
from ui.result_table import write_row_count

KINDS: Final = ("csv", "tsv", "parquet", "json", "jsonl", "ndjson", "xlsx", "xls", "ods", "gz", "zip")
_UNFIT: Final = re.compile(r"[^\w .()+-]")
_MAX_NAME_CHARS: Final = 80
_MAX_KIND_CHARS: Final = 10
# Most file systems take 255 bytes; a number and the mark of a file that waits come on top.
_MAX_NAME_BYTES: Final = 200
_ADDED: Final = "upload-added"
_MAX_TOASTS: Final = 3
# One line, into which files can be dropped all the same.
_STYLE: Final = """
<style>
.st-key-add-files [data-testid="stFileUploader"] > label { display: none; }
.st-key-add-files [data-testid="stFileUploaderDropzone"] { padding: 0 0.3rem; min-height: 2.2rem; }
.st-key-add-files [data-testid="stFileUploaderDropzoneInstructions"] { display: none; }
.st-key-add-files [data-testid="stFileUploaderDropzone"] button { border: 0; background: none; width: 100%;
  justify-content: flex-start; }
.st-key-add-files [data-testid="stFileUploaderDropzone"] button p { font-size: 0; }
.st-key-add-files [data-testid="stFileUploaderDropzone"] button p::after { font-size: 0.9rem; }
</style>
"""


@show_errors_in_place
def show_uploads(shared: Server, conversation: Conversation) -> None:
    """Show the uploader and the files. Files are not changed while a question is answered."""
    busy = conversation.is_busy
    turn, failed = f"upload-turn-{conversation.id}", f"upload-error-{conversation.id}"
    given = _show_uploader(shared, f"upload-{conversation.id}-{st.session_state.get(turn, 0)}")
    if given and busy:
        st.caption("They will be added when the answer is finished.")
    elif given:
        # A new key empties the uploader, whose list of files would else outlive those that are dropped.
        st.session_state[turn] = st.session_state.get(turn, 0) + 1
        add_files(shared, conversation, given)
        st.rerun()
    elif refused := _take_refusal(shared):
        st.session_state[failed] = refused
    if error := st.session_state.get(failed):
        show_error(error)
    for said in st.session_state.pop(_ADDED, ()):
        st.toast(escape_markdown(said), icon=":material/check:")
    shared.get_assistant(conversation)
    _show_lost_files(conversation)
    for file in conversation.files:
        _show_file(shared, conversation, file, failed, is_busy=busy)
    if busy and (given or conversation.files):
        schedule_refresh("files")


def _show_uploader(shared: Server, key: str) -> list[UploadedFile]:
    """Show the uploader, and return the files that were given."""
    most = format_megabytes(shared.assistant.config.limits.upload_bytes)
    with st.container(key="add-files"):
        label = f'<style>.st-key-add-files button p::after {{ content: " Add files, up to {most}"; }}</style>'
        st.html(_STYLE + label)
        return st.file_uploader(
            f"Add files (up to {most} together)",
            type=list(KINDS),
            accept_multiple_files=True,
            key=key,
            help=f"CSV, Excel, Parquet, JSON, packed or not; up to {most} together, {MAX_FILES} files. "
            "They become tables of this conversation only, and are removed with it.",
        )


def _show_lost_files(conversation: Conversation) -> None:
    """Show why the conversation's files are gone, if they are."""
    if conversation.upload_error is not None:
        show_error(conversation.upload_error)
        st.info("The files of this conversation could not be read again and were removed. Add them again.")
    elif conversation.has_lost_files:
        st.info("The files of this conversation were removed: the page keeps them for a limited time. Add them again.")


def _show_file(shared: Server, conversation: Conversation, file: Path, failed: str, *, is_busy: bool) -> None:
    """Show one file: a button that removes it, and how it was read. `failed` is the key of the panel's error."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            escape_markdown(file.name),
            key=f"drop-{file.name}",
            icon=":material/close:",
            help="Files can be removed when the answer is finished." if is_busy else "Remove this file",
            disabled=is_busy,
            type="tertiary",
        ):
            st.session_state[failed] = _remove_file(shared, conversation, file)
            st.rerun()
        show_file_reading(shared, conversation, file, is_busy=is_busy)


def add_files(shared: Server, conversation: Conversation, uploads: Sequence[UploadedFile]) -> bool:
    """Add the files to the conversation; return whether they were added.

    While a question is answered, none are. The panel shows errors.
    """
    failed = f"upload-error-{conversation.id}"
    if conversation.is_busy:
        _release_uploads(uploads)
        st.session_state[failed] = ConfigError(
            "files cannot be added while a question is answered", "Add them again when the answer is finished."
        )
        return False
    # Should that break, this is what the next look says.
    st.session_state[failed] = make_unreadable_error()
    names = name_files([one.name for one in uploads], conversation.original_names)
    st.session_state[failed] = _add_to_folder(shared, conversation, uploads) or _take_refusal(shared)
    if st.session_state[failed] is None:
        st.session_state[_ADDED] = _describe_added(shared.get_assistant(conversation), names)
    return st.session_state[failed] is None


def _add_to_folder(shared: Server, conversation: Conversation, uploads: Sequence[UploadedFile]) -> NL2SQLError | None:
    """Add the files to those that are there; return the error, after which none of them is added."""
    try:
        with conversation.files_lock:
            names = name_files([one.name for one in uploads], conversation.original_names)
            _check_size(shared, [file for file in conversation.files if file.name not in names], uploads)
            write_and_open_files(
                shared, conversation, _open_folder(shared, conversation), dict(zip(names, uploads, strict=True))
            )
    except NL2SQLError as exc:
        return exc
    except OSError as exc:
        return ConfigError(
            f"the files could not be saved: {exc.strerror}", "Free some space in the folder that NL2SQL_HOME names."
        )
    finally:
        _release_uploads(uploads)
    return None


def _describe_added(assistant: Assistant, names: Collection[str]) -> list[str]:
    """Return a line for each table of these files: how many rows and columns it has."""
    tables = [
        assistant.schema.find_table(upload.table) for upload in assistant.database.uploads if upload.file in names
    ]
    said = []
    for table in tables:
        if table is not None:
            rows = "" if table.row_count is None else f"{write_row_count(table.row_count)}, "
            columns = f"{len(table.columns)} column{'' if len(table.columns) == 1 else 's'}"
            said.append(f"{table.path[1]}: {rows}{columns}")
    return said[:_MAX_TOASTS]


def write_and_open_files(
    shared: Server, conversation: Conversation, folder: Path, files: Mapping[str, UploadedFile]
) -> None:
    """Write the files and open them; after an error they are removed and the replaced ones restored."""
    originals, replaced = dict(conversation.original_names), [name for name in files if (folder / name).exists()]
    opened = False
    for name in replaced:
        (folder / name).rename(folder / f"{SET_ASIDE_PREFIX}{name}")
    try:
        for name, file in files.items():
            (folder / name).write_bytes(file.getbuffer())
            conversation.original_names[name] = file.name
        _open_with_files(shared, conversation)
        opened = True
    finally:
        if not opened:
            conversation.original_names = originals
            for name in files:
                (folder / name).unlink(missing_ok=True)
        for name in replaced:
            aside = folder / f"{SET_ASIDE_PREFIX}{name}"
            aside.unlink() if opened else aside.rename(folder / name)


def _take_refusal(shared: Server) -> NL2SQLError | None:
    """Return why a file of this session was refused, once."""
    context = get_script_run_ctx()
    problem = shared.refusals.take(context.session_id) if context is not None else ""
    hint = "Add fewer or smaller files, or ask for a higher upload_bytes under [limits]."
    return LimitError(f"a file was not added: {problem}", hint, limit="upload_bytes") if problem else None


def _open_folder(shared: Server, conversation: Conversation) -> Path:
    """Return the folder of the conversation's files, made for the first of them.

    Raises:
        ConfigError: it cannot be made.
    """
    if conversation.folder is None:
        conversation.folder = shared.assistant.database.make_upload_folder()
        conversation.has_lost_files, conversation.upload_error = False, None
        shared.conversations.keep(conversation)
        st.query_params["session"] = conversation.id
    return conversation.folder.path


def _check_size(shared: Server, existing: Sequence[Path], uploads: Sequence[UploadedFile]) -> None:
    """Check that these files can be added to those that stay.

    Raises:
        LimitError: there are too many, or they are too large.
    """
    most = shared.assistant.config.limits.upload_bytes
    if len(existing) + len(uploads) > MAX_FILES:
        raise LimitError(
            f"a conversation has at most {MAX_FILES} files", "Remove some, or add fewer.", limit="upload_files"
        )
    if sum(file.stat().st_size for file in existing) + sum(one.size for one in uploads) > most:
        raise LimitError(
            f"the files of a conversation may have at most {format_megabytes(most)} in total",
            "Add smaller ones, or raise upload_bytes under [limits].",
            limit="upload_bytes",
        )


def _release_uploads(uploads: Sequence[UploadedFile]) -> None:
    """Free the files in Streamlit, which would keep them as long as the browser tab is open."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for one in uploads:
            context.uploaded_file_mgr.remove_file(context.session_id, one.file_id)


def _remove_file(shared: Server, conversation: Conversation, file: Path) -> NL2SQLError | None:
    """Remove one file; return the error, if there is one."""
    with conversation.files_lock:
        file.unlink(missing_ok=True)
        conversation.original_names.pop(file.name, None)
        conversation.file_rules.pop(file.name, None)
        try:
            _open_with_files(shared, conversation)
        except NL2SQLError as exc:
            return exc
    return None


def _open_with_files(shared: Server, conversation: Conversation) -> None:
    """Open the database with the conversation's files. Errors as `Assistant.with_files`."""
    files = conversation.files
    with st.spinner("Reading the files …"):
        own = (
            shared.assistant.with_files(files, workers=MAX_UPLOAD_WORKERS, rules=conversation.file_rules)
            if files
            else None
        )
    conversation.set_upload_assistant(own)


def name_files(given: Sequence[str], held: Mapping[str, str]) -> list[str]:
    """Return what these files are called here, each unique: numbered where names clash.

    `held` maps the names of existing files to the user's names for them: a file of the same user's name replaces the
    earlier one.
    """
    taken = {name.casefold(): original for name, original in held.items()}
    names: list[str] = []
    for original in given:
        stem, dot, kind = clean_name(original).rpartition(".")
        name, number = f"{stem}{dot}{kind}", 1
        while taken.get(name.casefold(), original) != original or name.casefold() in map(str.casefold, names):
            number += 1
            name = f"{stem}_{number}{dot}{kind}"
        names.append(name)
    return names


def clean_name(name: str) -> str:
    """Return the file's name without folders, with letters, digits and simple signs only."""
    plain_name = Path(name.replace("\\", "/")).name
    stem, dot, kind = plain_name.rpartition(".")
    short = _UNFIT.sub("_", stem).strip(" .")[:_MAX_NAME_CHARS].encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    return f"{short or 'file'}{dot}{_UNFIT.sub('_', kind)[:_MAX_KIND_CHARS]}"
