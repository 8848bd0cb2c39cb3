"""The board: the answers that a user has pinned, run again when it is opened, each saying what changed since.

It holds rows for as long as it is looked at; the store keeps none of them, only what tells that they changed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import streamlit as st

from nl2sql import Answer, Assistant, NL2SQLError, Pin, Result, StoreError, list_changes
from ui.answer_state import keep_only
from ui.chart_view import is_metric, show_chart, show_metrics
from ui.error_text import errors_shown, show_error
from ui.history_panel import describe_time, make_job, open_answer
from ui.jobs import Job
from ui.markdown_escape import plain
from ui.page_conversations import Replay
from ui.page_server import Server
from ui.progress import follow
from ui.replays import run_replay
from ui.result_table import read_formats, show_rows
from ui.switches import reviews

_PLACE: Final = "board"
_CHARS: Final = 400


@dataclass
class Tile:
    """One pinned answer on the board. `job` has the answer as it was given; `run` its rows, once they came.

    `before` are the rows of the run before, of `since`. `told` is what changed, `is_of_then` whether the sentence is of
    other rows, and `is_cut` whether only the first rows were compared; they are found when the run has ended.
    """

    job: Job
    run: Replay | None = None
    before: Result | None = None
    since: dt.datetime | None = None
    moves: bool = False
    told: list[str] | None = None
    is_of_then: bool = False
    is_cut: bool = False


def find_pinned(shared: Server, owner: str | None) -> frozenset[str]:
    """The ids of the answers that are pinned; none while the store cannot be read, which the note at the input says."""
    try:
        return shared.store.pins.ids(user=owner)
    except StoreError:
        return frozenset()


def show_pin(shared: Server, owner: str | None, answer: Answer, key: str) -> None:
    """The button that pins an answer to the board, or takes it off."""
    is_pinned = answer.id in find_pinned(shared, owner)
    label, icon = ("Unpin", ":material/keep_off:") if is_pinned else ("Pin", ":material/keep:")
    # No callback: Streamlit would keep what it is given, and that would be the rows.
    if st.button(label, key=f"pin-{key}", icon=icon, type="tertiary", help="Keeps it open here, and on your board."):
        try:
            if is_pinned:
                shared.store.pins.remove(answer.id, user=owner)
            else:
                shared.store.pins.add(answer.id, answer.result, user=owner)
        except NL2SQLError as exc:
            st.toast(plain(f"Not pinned: {exc.message}. {exc.hint}", _CHARS))
        else:
            st.rerun()


def open_board() -> None:
    """Go to the board's address."""
    st.query_params.from_dict({"board": "1"})


def leave_board() -> None:
    """Let go of the rows on the board, and stop what runs for it."""
    tiles: dict[str, Tile] = st.session_state.pop(_PLACE, {})
    for tile in tiles.values():
        if tile.run is not None and not tile.run.job.view.done:
            tile.run.job.stop()


def show_board(shared: Server, owner: str | None) -> None:
    """The board of this user."""
    pins = shared.store.pins.list(user=owner)
    st.header("Board", anchor=False)
    if not pins:
        st.caption("Nothing is pinned yet. Press Pin at an answer, and it stands here, run again when you look.")
        leave_board()
        return
    tiles = _find_tiles(shared, owner, pins)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Run all again", icon=":material/refresh:", key="board-run"):
            for pin in pins:
                _run(shared, tiles[pin.entry.id], pin, moves=True)
        st.caption("Changes are told since an answer was pinned, or since you last pressed Run all again.")
    keep_only([_place(pin) for pin in pins])
    with st.container(key="board"):
        for position, pin in enumerate(pins):
            with st.container(border=True, key=f"tile-{pin.entry.id}", gap="xsmall"):
                _show_tile(shared, owner, pin, position, len(pins))


def _find_tiles(shared: Server, owner: str | None, pins: list[Pin]) -> dict[str, Tile]:
    """The tiles of these pins; those that are new run, where nothing must be asked first."""
    held: dict[str, Tile] = st.session_state.get(_PLACE, {})
    tiles = st.session_state[_PLACE] = {
        pin.entry.id: held.get(pin.entry.id) or Tile(make_job(pin.entry, owner, shared.assistant.url)) for pin in pins
    }
    for pin in pins:
        tile = tiles[pin.entry.id]
        if tile.run is None and pin.entry.row_count is not None and not reviews():
            _run(shared, tile, pin, moves=False)
    return tiles


def _run(shared: Server, tile: Tile, pin: Pin, *, moves: bool) -> None:
    """Run it, unless it runs, or is of another database; with `moves`, later changes are told from what comes."""
    answer = tile.job.view.answer
    if tile.job.elsewhere or answer is None or not answer.sql or (tile.run and not tile.run.job.view.done):
        return
    if tile.run is not None and (rows := _rows_of(tile.run)) is not None:
        tile.before, tile.since = rows, tile.run.at
    elif tile.before is None:
        tile.since = pin.ran_at
    own = tile.run = Replay(Job(answer.question, tile.job.owner))
    tile.told, tile.moves, asks = None, moves, reviews()
    shared.jobs.start(own.job, lambda _: run_replay(shared, shared.assistant, own, answer, pin.entry, asks=asks))


def _rows_of(run: Replay) -> Result | None:
    """The rows that the run gave."""
    return run.job.view.answer.result if run.job.view.answer is not None else None


@st.fragment
@errors_shown
def _show_tile(shared: Server, owner: str | None, pin: Pin, position: int, count: int) -> None:
    """One pinned answer: its question, its sentence as of then, what changed, and its rows of now."""
    tile = st.session_state.get(_PLACE, {}).get(pin.entry.id)
    if tile is None:
        return
    entry = pin.entry
    with st.container(horizontal=True, vertical_alignment="top", key=f"tilehead-{entry.id}"):
        st.text(entry.question, width="stretch")
        _show_menu(shared, owner, pin, position, count)
    sentence = st.container(key=f"said-{_place(pin)}", gap="xsmall")
    if tile.job.elsewhere:
        _show_sentence(sentence, pin, tile)
        st.caption(f"Asked of another database: {plain(tile.job.elsewhere, 200)}. It is run where that one is opened.")
        return
    if tile.run is None:
        _show_sentence(sentence, pin, tile)
        st.caption("SQL is reviewed before it runs: press Run all again.")
        return
    is_done = follow(shared, shared.assistant, tile.run.job)
    rows = _rows_of(tile.run)
    if is_done and rows is not None and tile.told is None:
        _tell(shared, owner, pin, tile, rows)
    _show_sentence(sentence, pin, tile)
    if not is_done:
        return
    if rows is None:
        error = tile.run.job.view.error
        show_error(error) if error is not None else st.caption("Not run.")
        return
    _show_told(tile)
    _show_rows(shared.assistant, pin, rows)


def _tell(shared: Server, owner: str | None, pin: Pin, tile: Tile, rows: Result) -> None:
    """Find what changed, and keep what later changes are told from."""
    assert tile.run is not None
    found = pin.compare(rows, tile.before)
    tile.told, tile.is_cut = [], found is not None and found.beyond
    if found is not None and not found.same:
        formats = shared.assistant.formats(rows, pin.entry.sql or "")
        figures = list_changes(tile.before, rows, lambda at, value: formats[at].show(value)) if tile.before else []
        tile.told = [found.sentence, *figures]
    tile.is_of_then = tile.run.changes is not None and not tile.run.changes.same
    if tile.moves or pin.digest is None:
        shared.store.pins.keep_run(pin.entry.id, rows, at=tile.run.at, user=owner)


def _show_sentence(place: st.delta_generator.DeltaGenerator, pin: Pin, tile: Tile) -> None:
    """The sentence, never as if it were of now."""
    text, then = pin.entry.text, describe_time(pin.entry.at)
    if text and tile.is_of_then:
        place.caption(f":material/history: {plain(f'Said {then}, of other rows: {text}', len(text) + _CHARS)}")
    elif text:
        place.text(text)
        place.caption(plain(f"Said {then}"))


def _show_told(tile: Tile) -> None:
    """When the SQL ran, and what changed since the run before."""
    assert tile.run is not None
    parts = [f"Ran {describe_time(tile.run.at)}"] if tile.run.at else []
    before = tile.since
    if before is not None and not tile.told:
        cut = ", as far as the first rows tell" if tile.is_cut else ""
        parts.append(f"nothing changed since {describe_time(before)}{cut}")
    st.caption(plain(" · ".join(parts), _CHARS))
    if before is not None and tile.told:
        head = plain(f"Since {describe_time(before)}: {tile.told[0]}.", _CHARS)
        figures = "".join(f"  \n{plain(line, _CHARS)}" for line in tile.told[1:])
        st.warning(head + figures, icon=":material/difference:")


def _show_rows(assistant: Assistant, pin: Pin, rows: Result) -> None:
    """The figure, or the chart, or the rows where there is no chart."""
    key, sql, asked = _place(pin), pin.entry.sql or "", pin.entry.question
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


def _place(pin: Pin) -> str:
    """What its looks are kept by."""
    return f"board-{pin.entry.id}"


def _show_menu(shared: Server, owner: str | None, pin: Pin, position: int, count: int) -> None:
    actions = ["Open the answer"]
    actions += ["Move up"] if position else []
    actions += ["Move down"] if position < count - 1 else []
    chosen = st.menu_button(
        f"More: {plain(pin.entry.question)}",
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
