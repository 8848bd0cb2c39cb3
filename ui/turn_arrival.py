"""Scroll to a new turn once, and announce its answer to screen readers.

Nothing else scrolls: a person who has scrolled elsewhere stays there.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

_HTML: Final = '<span role="status"></span>'
_CSS: Final = "span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }"
# What has arrived is known to the window: the component is made anew with each run of the page.
_JS: Final = """
const LOOK_MS = 80, LOOKS = 40, READ_MS = 150, ABOVE_PX = 40;
const MOVES = ['wheel', 'touchmove', 'pointerdown', 'keydown'];
const KEYS = ['PageUp', 'PageDown', 'Home', 'End', 'ArrowUp', 'ArrowDown', ' '];
// Whoever scrolls by wheel, finger, bar or key; a click elsewhere, and Escape, move nothing.
const moves = event => event.type === 'keydown' ? KEYS.includes(event.key) && event.target === document.body :
  event.type !== 'pointerdown' || event.target.classList?.contains('stMain');
const scroll = turn => {
  const main = turn?.closest('.stMain'), header = document.querySelector('.stAppHeader');
  if (!main) return;
  // On a narrow window the header lies over the page.
  const above = matchMedia('(max-width: 768px)').matches && header ? header.offsetHeight + 8 : ABOVE_PX;
  main.scrollTop += turn.getBoundingClientRect().top - main.getBoundingClientRect().top - above;
};
// What stands above may still shrink, as Streamlit clears it at the end of a run: until then the turn is held there.
const hold = name => {
  let looks = LOOKS;
  // The newest one alone is held.
  window.nl2sqlHeld = name;
  const release = event => { if (moves(event)) looks = 0; };
  MOVES.forEach(move => document.addEventListener(move, release, { passive: true }));
  const look = () => {
    if (window.nl2sqlHeld !== name || looks-- <= 0) {
      MOVES.forEach(move => document.removeEventListener(move, release));
      return;
    }
    scroll(document.querySelector(name));
    setTimeout(look, LOOK_MS);
  };
  setTimeout(look, LOOK_MS);
};
export default function ({ data, parentElement }) {
  const arrived = (window.nl2sqlArrived ??= new Set());
  if (data.waits) arrived.add(data.job);
  else if (data.scrolls && !arrived.has(data.job)) {
    arrived.add(data.job);
    hold('.st-key-' + data.place);
  }
  if (data.asks) arrived.add('asked ' + data.job);
  else if (data.says && arrived.delete('asked ' + data.job)) {
    const said = parentElement.querySelector('span');
    setTimeout(() => { said.textContent = data.says; }, READ_MS);
  }
}
"""
_arrival_component = st.components.v2.component("nl2sql_arrival", html=_HTML, css=_CSS, js=_JS)


def bring_into_view(job: str, place: str, *, should_scroll: bool, is_pending: bool, is_waiting: bool = False) -> None:
    """Scroll to the container of the key `place` where that job has not been seen yet, and never once it `is_waiting`.

    `is_pending` says that its answer is to come.
    """
    _send_to_browser(
        f"arrival-{job}",
        {"job": job, "place": place, "scrolls": should_scroll, "asks": is_pending, "waits": is_waiting},
    )


def announce(job: str, text: str) -> None:
    """Have screen readers say the text, once, where the page has seen the question running."""
    _send_to_browser(f"announcement-{job}", {"job": job, "says": text})


def _send_to_browser(key: str, data: dict[str, object]) -> None:
    with st.container(key=key):
        _arrival_component(key=f"place-{key}", data=data)
