"""Tables named in a question: `@` in the question box completes them, and pinned ones are shown beside it.

The list is drawn beside Streamlit's chat input, which is not changed. Names are set as text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import streamlit as st

from nl2sql import Table
from ui.markdown_escape import escape_markdown
from ui.page_server import Server
from ui.switches import pin_tables

_PLAIN_NAME: Final = re.compile(r"[^\W\d]([\w.]*\w)?")
_MAX_TABLES: Final = 5_000
_DRAWN: Final = "pins-drawn"
_HTML: Final = '<span class="mentions"></span>'
_CSS: Final = ".mentions { display: none; }"
_JS: Final = """
const BOX = '[data-testid="stChatInputTextArea"]';
const MOST = 8;
const fold = text => text.normalize('NFKD').replace(/\\p{M}/gu, '').toLowerCase();
let taken = null;

export default function ({ data, parentElement }) {
  const place = parentElement.getRootNode().host?.closest('[data-testid="stElementContainer"]');
  // It has nothing to show in its own place.
  if (place) place.style.position = 'absolute';
  taken?.abort();
  const stop = taken = new AbortController();
  document.querySelectorAll('.nl2sql-mentions').forEach(one => one.remove());
  const list = document.createElement('div');
  list.className = 'nl2sql-mentions';
  list.id = 'nl2sql-mentions';
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Tables');
  const look = getComputedStyle(parentElement.querySelector('.mentions'));
  const colour = name => look.getPropertyValue(name).trim();
  Object.assign(list.style, { position: 'fixed', zIndex: '1000', maxHeight: '40vh', overflow: 'auto', display: 'none',
    padding: '4px', borderRadius: '8px', boxShadow: '0 4px 16px rgb(0 0 0 / 0.2)', fontSize: '0.9rem',
    border: `1px solid ${colour('--st-border-color')}`, background: colour('--st-background-color'),
    color: colour('--st-text-color'), fontFamily: colour('--st-font'), boxSizing: 'border-box' });
  (document.querySelector('main') ?? document.body).append(list);
  let box = null;
  let found = [];
  let chosen = 0;
  let start = -1;

  const close = () => {
    list.style.display = 'none';
    found = [];
    for (const name of ['aria-controls', 'aria-activedescendant', 'aria-haspopup', 'aria-autocomplete']) {
      box?.removeAttribute(name);
    }
  };
  const mark = () => {
    [...list.children].forEach((item, at) => {
      item.setAttribute('aria-selected', String(at === chosen));
      item.style.background = at === chosen ? colour('--st-secondary-background-color') : 'transparent';
    });
    box.setAttribute('aria-activedescendant', `nl2sql-mention-${chosen}`);
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  };
  const take = at => {
    const end = box.selectionStart;
    const text = `${box.value.slice(0, start)}${found[at].written} `;
    // React hears of a new value by the element's own setter and an event.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, text + box.value.slice(end));
    const caret = text.length;
    close();
    box.dispatchEvent(new Event('input', { bubbles: true }));
    box.focus();
    box.setSelectionRange(caret, caret);
  };
  const offer = () => {
    const before = box.value.slice(0, box.selectionStart);
    const begun = /(?:^|[^\\p{L}\\p{N}_])@"?([^\\s@"]*)$/u.exec(before);
    if (!begun) return close();
    start = before.lastIndexOf('@');
    const wanted = fold(begun[1]);
    const all = data.tables.filter(table => fold(table.name).includes(wanted));
    const begins = table => Number(!fold(table.name).startsWith(wanted));
    found = all.sort((one, other) => begins(one) - begins(other)).slice(0, MOST);
    // What is written in full needs no list.
    if (!found.length || (found.length === 1 && found[0].written === before.slice(start))) return close();
    chosen = 0;
    list.replaceChildren(...found.map((table, at) => {
      const item = document.createElement('div');
      item.id = `nl2sql-mention-${at}`;
      item.setAttribute('role', 'option');
      Object.assign(item.style, { padding: '4px 8px', borderRadius: '5px', cursor: 'pointer', display: 'flex',
        minHeight: '28px', gap: '1rem', alignItems: 'center', boxSizing: 'border-box' });
      const name = document.createElement('span');
      name.textContent = table.name;
      Object.assign(name.style, { flex: '1', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' });
      const note = document.createElement('small');
      note.textContent = table.note;
      item.append(name, note);
      // A press would take the focus from the box.
      item.onpointerdown = event => { event.preventDefault(); take(at); };
      return item;
    }));
    const frame = box.getBoundingClientRect();
    Object.assign(list.style, { display: 'block', left: `${frame.left}px`,
      width: `${Math.min(360, innerWidth - frame.left - 8)}px` });
    const above = frame.top - list.offsetHeight - 8;
    list.style.top = `${above > 0 ? above : frame.bottom + 8}px`;
    box.setAttribute('aria-controls', list.id);
    box.setAttribute('aria-haspopup', 'listbox');
    box.setAttribute('aria-autocomplete', 'list');
    mark();
  };
  const hear = (name, run, capture = false) =>
    document.addEventListener(name, run, { signal: stop.signal, capture });

  hear('input', event => {
    if (!event.target.matches?.(BOX) || event.isComposing) return;
    box = event.target;
    offer();
  });
  hear('click', event => event.target === box && found.length && offer());
  hear('focusout', event => event.target === box && close());
  addEventListener('resize', close, { signal: stop.signal });
  hear('keydown', event => {
    if (event.target !== box || !found.length || event.isComposing) return;
    const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1 }[event.key];
    if (to !== undefined) {
      chosen = (to + found.length) % found.length;
      mark();
    } else if ((event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey) take(chosen);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  // Somebody may be writing already.
  if (document.activeElement?.matches(BOX)) {
    box = document.activeElement;
    offer();
  }
  return () => {
    stop.abort();
    list.remove();
  };
}
"""
_mentions_component = st.components.v2.component("nl2sql_mentions", html=_HTML, css=_CSS, js=_JS)


def offer_mentions(tables: Sequence[Table]) -> None:
    """Complete these tables in the question box after `@`. Call it once in a run of the page."""
    offered = [
        {
            "name": table.name,
            "written": write_mention(table.name),
            "note": "" if table.row_count is None else f"{table.row_count:,}",
        }
        for table in tables[:_MAX_TABLES]
        if '"' not in table.name
    ]
    _mentions_component(data={"tables": offered}, key="mentions")


def write_mention(name: str) -> str:
    """Return the table's name as a question mentions it."""
    return f"@{name}" if _PLAIN_NAME.fullmatch(name) else f'@"{name}"'


def show_pins(shared: Server) -> None:
    """Show the pinned tables; a click unpins one."""
    pinned: list[str] = st.session_state.get("pinned", [])
    st.session_state[_DRAWN] = list(pinned)
    if not pinned:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pins"):
        st.caption("About", width="content")
        for name in pinned:
            st.button(
                escape_markdown(name),
                key=f"pin-{name}",
                icon=":material/close:",
                type="tertiary",
                help="Unpin this table",
                on_click=pin_tables,
                args=(shared, [one for one in pinned if one != name]),
            )


def redraw_pins() -> None:
    """Redraw the page where another part of it has changed the pinned tables."""
    pinned = list(st.session_state.get("pinned", []))
    if st.session_state.get(_DRAWN, pinned) != pinned:
        st.session_state[_DRAWN] = pinned
        st.rerun()
