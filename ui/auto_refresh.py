"""Redraw a part of the page after a moment, as long as the part asks for it.

Unlike Streamlit's `run_every`, polling stops when the fragment stops asking.
"""

from __future__ import annotations

import time
from typing import Final

import streamlit as st

REFRESH_MS: Final = 700
_VISIBLE_REFRESH_MS: Final = 3000
_HTML: Final = '<span role="status"></span>'
# Hidden text that screen readers read when it changes.
_CSS: Final = "span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }"
# No cleanup is returned: where redraws overtake each other it may come late, and would end the asking of the next one.
_JS: Final = """
export default function ({ data, parentElement, setTriggerValue }) {
  const said = parentElement.querySelector('span');
  if (said.textContent !== data.says) said.textContent = data.says;
  clearInterval(parentElement.asking);
  const asking = setInterval(() => {
    if (parentElement.isConnected) setTriggerValue('look', data.look);
    else clearInterval(asking);
  }, data.after);
  parentElement.asking = asking;
}
"""
_refresh_component = st.components.v2.component("nl2sql_again", html=_HTML, css=_CSS, js=_JS)


def schedule_refresh(key: str, *, announcement: str = "") -> None:
    """Redraw the calling fragment after `REFRESH_MS`; screen readers read `announcement`."""
    with st.container(key=f"look-{key}"):
        _refresh_component(key=f"asks-{key}", data={"look": time.time(), "after": REFRESH_MS, "says": announcement})


_SIGHT_JS: Final = """
export default function ({ data, parentElement, setTriggerValue }) {
  clearInterval(parentElement.looking);
  document.removeEventListener('visibilitychange', parentElement.look);
  const look = () => {
    if (!parentElement.isConnected) {
      clearInterval(looking);
      document.removeEventListener('visibilitychange', look);
    } else if (document.visibilityState === 'visible') setTriggerValue('look', Date.now());
  };
  const looking = setInterval(look, data.after);
  document.addEventListener('visibilitychange', look);
  parentElement.looking = looking;
  parentElement.look = look;
}
"""
_visibility_component = st.components.v2.component("nl2sql_sight", html="<span></span>", js=_SIGHT_JS)


def refresh_while_visible(key: str) -> None:
    """Redraw the calling fragment every few seconds while its window is visible, and when it becomes visible.

    A hidden window does not refresh.
    """
    with st.container(key=f"look-{key}"):
        _visibility_component(key=f"sees-{key}", data={"after": _VISIBLE_REFRESH_MS})
