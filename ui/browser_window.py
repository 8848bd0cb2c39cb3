"""What the browser window does by itself: focus, keys, and the message of a lost server.

`/` goes to the question box, and the up arrow brings the last question back. It changes nothing on the server. Escape,
which stops a question, belongs to the Stop button.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

_HTML: Final = "<span></span>"
# The box belongs to React, which takes a value only by the browser's own setter and an event.
_JS: Final = """
const LOST = 'Streamlit server is not responding';
const BOX = '[data-testid="stChatInputTextArea"]';
export default function ({ data }) {
  const page = (window.nl2sqlKeys ??= { place: 0, focused: false });
  page.questions = data.questions;
  const write = (box, text) => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, text);
    box.dispatchEvent(new Event('input', { bubbles: true }));
    box.setSelectionRange(text.length, text.length);
  };
  if (!page.focused && matchMedia('(pointer: fine)').matches) {
    page.focused = true;
    const focus = tries => {
      const box = document.querySelector(BOX);
      if (box) { if (document.activeElement === document.body) box.focus({ preventScroll: true }); }
      else if (tries) setTimeout(focus, 100, tries - 1);
    };
    focus(20);
  }
  if (page.listens) return;
  page.listens = true;
  // Streamlit's own dialog asks for the internet, which this page does not need.
  new MutationObserver(() => {
    const walker = document.querySelector('[role=dialog]') &&
      document.createTreeWalker(document.querySelector('[role=dialog]'), NodeFilter.SHOW_TEXT);
    while (walker?.nextNode())
      if (walker.currentNode.nodeValue.startsWith(LOST)) walker.currentNode.nodeValue = data.lost;
  }).observe(document.body, { childList: true, subtree: true });
  document.addEventListener('keydown', event => {
    const box = document.querySelector(BOX);
    if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.composedPath()[0];
    const writes = at.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(at.tagName);
    if (event.key === '/' && !writes) { event.preventDefault(); box.focus(); }
    if (at !== box || event.defaultPrevented) return;
    const all = page.questions, shown = all[all.length - page.place];
    if (event.key === 'ArrowUp' && page.place < all.length && (box.value === '' || box.value === shown)) {
      event.preventDefault();
      page.place += 1;
      write(box, all[all.length - page.place]);
    } else if (event.key === 'ArrowDown' && page.place && box.value === shown) {
      event.preventDefault();
      page.place -= 1;
      write(box, page.place ? all[all.length - page.place] : '');
    } else if (event.key === 'Enter') page.place = 0;
  });
}
"""
_MAX_RECALLED_QUESTIONS: Final = 20
_LOST: Final = "nl2sql ui was stopped or cannot be reached. Start it again: this page reconnects by itself."
_window_component = st.components.v2.component("nl2sql_window", html=_HTML, js=_JS)


def set_up_window(questions: list[str]) -> None:
    """Set up the keys, the focus and the message of a lost server.

    `questions` are those of the conversation, the last one last.
    """
    with st.container(key="window"):
        _window_component(key="set-up-window", data={"questions": questions[-_MAX_RECALLED_QUESTIONS:], "lost": _LOST})
