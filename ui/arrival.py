"""A turn comes into view once, at the top of the window, and its answer is read out to who cannot see the page.

Nothing else scrolls: whoever has scrolled elsewhere meanwhile stays there.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

_HTML: Final = '<span role="status"></span>'
_CSS: Final = "span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }"
# What has arrived is known to the window: the component is made anew with each run of the page.
_JS: Final = """
const SETTLES_MS = 60, READ_MS = 150, ABOVE_PX = 40;
const scroll = turn => {
  const main = turn?.closest('.stMain'), header = document.querySelector('.stAppHeader');
  if (!main) return;
  // On a narrow window the header lies over the page.
  const above = matchMedia('(max-width: 768px)').matches && header ? header.offsetHeight + 8 : ABOVE_PX;
  main.scrollTop += turn.getBoundingClientRect().top - main.getBoundingClientRect().top - above;
};
export default function ({ data, parentElement }) {
  const arrived = (window.nl2sqlArrived ??= new Set());
  if (data.waits) arrived.add(data.turn);
  else if (data.scrolls && !arrived.has(data.turn)) {
    arrived.add(data.turn);
    setTimeout(() => scroll(document.querySelector('.st-key-turn-' + data.turn)), SETTLES_MS);
  }
  if (!data.says) arrived.add('asked ' + data.turn);
  else if (arrived.delete('asked ' + data.turn)) {
    const said = parentElement.querySelector('span');
    setTimeout(() => { said.textContent = data.says; }, READ_MS);
  }
}
"""
_arrival = st.components.v2.component("nl2sql_arrival", html=_HTML, css=_CSS, js=_JS)


def bring_into_view(turn: str, *, scrolls: bool, waits: bool = False, says: str = "") -> None:
    """Scroll to the turn of that id where it has not been seen yet, and never once it `waits` below another.

    `says` is its answer once it is there.
    """
    with st.container(key=f"arrival-{turn}"):
        _arrival(key=f"arrives-{turn}", data={"turn": turn, "scrolls": scrolls, "waits": waits, "says": says})
