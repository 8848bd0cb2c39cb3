"""The board: the answers that a user has pinned, run again when it is opened, with what changed.

It holds rows only while it is open; the store keeps none of them, only hashes that show a change.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import streamlit as st

from nl2sql import Answer, Assistant, NL2SQLError, Pin, Result, StoreError, list_changes
from ui.answer_state import drop_other_answer_states
from ui.chart_view import is_metric, show_chart, show_metrics
from ui.error_text import show_error, show_errors_in_place
from ui.history_panel import describe_time, make_job, open_answer
from ui.jobs import Job
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Replay
from ui.page_server import Server
from ui.progress import follow_job
from ui.replays import run_replay
from ui.result_table import read_formats, show_rows
from ui.switches import is_review_on

_PLACE: Final = "board"
_MAX_NOTE_CHARS: Final = 400


@dataclass
class Tile:
    """One pinned answer on the board. `job` has the answer as it was given; `replay` its rows, once they came.

    `previous_rows` are the rows of the run before, at `previous_run_at`. When a run has ended, `change_lines` is what
    changed, `has_outdated_sentence` whether the sentence is about other rows, and `is_cut` whether only the first rows
    were compared.
    """

    job: Job
    replay: Replay | None = None
    previous_rows: Result | None = None
    previous_run_at: dt.datetime | None = None
    is_new_baseline: bool = False
    change_lines: list[str] | None = None
    has_outdated_sentence: bool = False
    is_cut: bool = False


def find_pinned_answers(shared: Server, owner: str | None) -> frozenset[str]:
    """Return the ids of the pinned answers; none while the store cannot be read."""
    try:
        return shared.store.pins.list_ids(user=owner)
    except StoreError:
        return frozenset()


def show_pin_button(shared: Server, owner: str | None, answer: Answer, key: str) -> None:
    """Show the button that pins an answer to the board, or unpins it."""
    is_pinned = answer.id in find_pinned_answers(shared, owner)
    label, icon = ("Unpin", ":material/keep_off:") if is_pinned else ("Pin", ":material/keep:")
    # No callback: Streamlit would keep what it is given, and that would be the rows.
    if st.button(
        label, key=f"pin-{key}", icon=icon, type="tertiary", help="Keeps it open here and adds it to your board."
    ):
        try:
            if is_pinned:
                shared.store.pins.remove(answer.id, user=owner)
            else:
                shared.store.pins.add(answer.id, answer.result, user=owner)
        except NL2SQLError as exc:
            st.toast(escape_markdown(f"Not pinned: {exc.message}. {exc.hint}", _MAX_NOTE_CHARS))
        else:
            st.rerun()


def open_board() -> None:
    """Open the board."""
    st.query_params.from_dict({"board": "1"})


def leave_board() -> None:
    """Forget the rows on the board, and stop its queries."""
    tiles: dict[str, Tile] = st.session_state.pop(_PLACE, {})
    for tile in tiles.values():
        if tile.replay is not None and not tile.replay.job.view.is_done:
            tile.replay.job.stop()


def show_board(shared: Server, owner: str | None) -> None:
    """Show the user's board."""
    pins = shared.store.pins.list(user=owner)
    st.header("Board", anchor=False)
    if not pins:
        st.caption(
            "Nothing is pinned yet. Press Pin below an answer to add it here. It runs again when you open the board."
        )
        leave_board()
        return
    tiles = _find_tiles(shared, owner, pins)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Run all again", icon=":material/refresh:", key="board-run"):
            for pin in pins:
                _run_tile(shared, tiles[pin.entry.id], pin, is_new_baseline=True)
        st.caption(
            "Changes are counted from when an answer was pinned, or from the last time you pressed Run all again."
        )
    drop_other_answer_states([_make_tile_key(pin) for pin in pins])
    with st.container(key="board"):
        for position, pin in enumerate(pins):
            with st.container(border=True, key=f"tile-{pin.entry.id}", gap="xsmall"):
                _show_tile(shared, owner, pin, position, len(pins))


def _find_tiles(shared: Server, owner: str | None, pins: list[Pin]) -> dict[str, Tile]:
    """Return the tiles of these pins by answer id, and run the new ones unless SQL is reviewed."""
    held: dict[str, Tile] = st.session_state.get(_PLACE, {})
    tiles = st.session_state[_PLACE] = {
        pin.entry.id: held.get(pin.entry.id) or Tile(make_job(pin.entry, owner, shared.assistant.url)) for pin in pins
    }
    for pin in pins:
        tile = tiles[pin.entry.id]
        if tile.replay is None and pin.entry.row_count is not None and not is_review_on():
            _run_tile(shared, tile, pin, is_new_baseline=False)
    return tiles


def _run_tile(shared: Server, tile: Tile, pin: Pin, *, is_new_baseline: bool) -> None:
    """Run the tile's SQL, unless it runs already or is of another database.

    With `is_new_baseline`, changes are counted from this run.
    """
    answer = tile.job.view.answer
    if (
        tile.job.other_database
        or answer is None
        or not answer.sql
        or (tile.replay and not tile.replay.job.view.is_done)
    ):
        return
    if tile.replay is not None and (rows := _get_rows(tile.replay)) is not None:
        tile.previous_rows, tile.previous_run_at = rows, tile.replay.run_at
    elif tile.previous_rows is None:
        tile.previous_run_at = pin.ran_at
    own = tile.replay = Replay(Job(answer.question, tile.job.owner))
    tile.change_lines, tile.is_new_baseline, asks = None, is_new_baseline, is_review_on()
    shared.jobs.start(
        own.job, lambda _: run_replay(shared, shared.assistant, own, answer, pin.entry, is_review_required=asks)
    )


def _get_rows(run: Replay) -> Result | None:
    """Return the rows of the run; None where it has none."""
    return run.job.view.answer.result if run.job.view.answer is not None else None


@st.fragment
@show_errors_in_place
def _show_tile(shared: Server, owner: str | None, pin: Pin, position: int, count: int) -> None:
    """Show one pinned answer: its question, sentence, changes and rows."""
    tile: Tile | None = st.session_state.get(_PLACE, {}).get(pin.entry.id)
    if tile is None:
        return
    entry = pin.entry
    with st.container(horizontal=True, vertical_alignment="top", key=f"tilehead-{entry.id}"):
        st.text(entry.question, width="stretch")
        _show_menu(shared, owner, pin, position, count)
    sentence = st.container(key=f"said-{_make_tile_key(pin)}", gap="xsmall")
    if tile.job.other_database:
        _show_sentence(sentence, pin, tile)
        st.caption(
            f"Asked of another database: {escape_markdown(tile.job.other_database, 200)}. "
            "Open the page with that database to run it."
        )
        return
    if tile.replay is None:
        _show_sentence(sentence, pin, tile)
        st.caption("SQL is reviewed before it runs: press Run all again.")
        return
    is_done = follow_job(shared, shared.assistant, tile.replay.job)
    rows = _get_rows(tile.replay)
    if is_done and rows is not None and tile.change_lines is None:
        _record_changes(shared, owner, pin, tile, rows)
    _show_sentence(sentence, pin, tile)
    if not is_done:
        return
    if rows is None:
        error = tile.replay.job.view.error
        show_error(error) if error is not None else st.caption("Not run.")
        return
    _show_changes(tile)
    _show_rows(shared.assistant, pin, rows)


def _record_changes(shared: Server, owner: str | None, pin: Pin, tile: Tile, rows: Result) -> None:
    """Find what changed, and store what later changes are compared with."""
    assert tile.replay is not None
    found = pin.compare(rows, tile.previous_rows)
    tile.change_lines, tile.is_cut = [], found is not None and found.is_partial
    if found is not None and not found.is_same:
        formats = shared.assistant.database.choose_column_formats(rows, pin.entry.sql or "")
        figures = (
            list_changes(tile.previous_rows, rows, lambda at, value: formats[at].show(value))
            if tile.previous_rows
            else []
        )
        tile.change_lines = [found.sentence, *figures]
    tile.has_outdated_sentence = tile.replay.changes is not None and not tile.replay.changes.is_same
    if tile.is_new_baseline or pin.digest is None:
        shared.store.pins.record_run(pin.entry.id, rows, at=tile.replay.run_at, user=owner)


def _show_sentence(place: st.delta_generator.DeltaGenerator, pin: Pin, tile: Tile) -> None:
    """Show the sentence, marked with the time at which it was written."""
    text, then = pin.entry.text, describe_time(pin.entry.at)
    if text and tile.has_outdated_sentence:
        line = escape_markdown(f"Answered {then}, about different rows: {text}", len(text) + _MAX_NOTE_CHARS)
        place.caption(f":material/history: {line}")
    elif text:
        place.text(text)
        place.caption(escape_markdown(f"Answered {then}"))


def _show_changes(tile: Tile) -> None:
    """Show when the SQL ran, and what changed since the run before."""
    assert tile.replay is not None
    parts = [f"Ran {describe_time(tile.replay.run_at)}"] if tile.replay.run_at else []
    before = tile.previous_run_at
    if before is not None and not tile.change_lines:
        cut = " in the first rows; the others were not compared" if tile.is_cut else ""
        parts.append(f"nothing changed since {describe_time(before)}{cut}")
    st.caption(escape_markdown(" · ".join(parts), _MAX_NOTE_CHARS))
    if before is not None and tile.change_lines:
        head = escape_markdown(f"Since {describe_time(before)}: {tile.change_lines[0]}.", _MAX_NOTE_CHARS)
        figures = "".join(f"  \n{escape_markdown(line, _MAX_NOTE_CHARS)}" for line in tile.change_lines[1:])
        st.warning(head + figures, icon=":material/difference:")


def _show_rows(assistant: Assistant, pin: Pin, rows: Result) -> None:
    """Show the result as numbers or a chart, else as a table."""
    key, sql, asked = _make_tile_key(pin), pin.entry.sql or "", pin.entry.question
    if is_metric(rows):
        show_metrics(rows, read_formats(assistant, sql, rows, key))
    elif not rows.row_count:
        st.caption("No rows.")
    elif show_chart(assistant, sql, rows, key, title=asked, alt=f"Chart of: {asked}") is None:
        show_rows(assistant, sql, rows, key)
    else:
        with st.expander(f"{rows.row_count:,} rows", key=f"rows-{key}", on_change="rerun", type="compact") as box:
            if box.open:
                show_rows(assistant, sql, rows, key)


def _make_tile_key(pin: Pin) -> str:
    """Return the key of the tile's state."""
    return f"board-{pin.entry.id}"


def _show_menu(shared: Server, owner: str | None, pin: Pin, position: int, count: int) -> None:
    actions = ["Open the answer"]
    actions += ["Move up"] if position else []
    actions += ["Move down"] if position < count - 1 else []
    chosen = st.menu_button(
        f"More: {escape_markdown(pin.entry.question)}",
        [*actions, "Unpin"],
        key=f"menu-{pin.entry.id}",
        icon=":material/more_horiz:",
        type="tertiary",
    )
    if chosen is None:
        return
    if chosen == "Open the answer":
        open_answer(pin.entry.id)
    elif chosen == "Unpin":
        shared.store.pins.remove(pin.entry.id, user=owner)
    else:
        shared.store.pins.move(pin.entry.id, -1 if chosen == "Move up" else 1, user=owner)
    st.rerun()
