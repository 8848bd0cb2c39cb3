"""An SQL editor: colours, completion of tables and columns, Ctrl+Enter to run.

Its text reaches the server only when it is run. It knows keywords and names only; the guard judges what runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

_HTML: Final = """
<div class="editor"><pre aria-hidden="true"></pre><textarea spellcheck="false" autocapitalize="off" autocomplete="off"
 aria-label="SQL" aria-autocomplete="list" aria-controls="names"></textarea>
<ul id="names" role="listbox" aria-label="Tables and columns" hidden></ul></div>
<div class="line"><button type="button">Run</button><small>Ctrl+Enter runs it · Ctrl+Space completes names</small></div>
"""
_CSS: Final = """
.editor { position: relative; border: 1px solid var(--st-border-color); border-radius: 6px;
  background: var(--st-secondary-background-color); }
.editor:focus-within { border-color: var(--st-primary-color); }
pre, textarea { margin: 0; padding: 0.6rem 0.75rem; font: 0.86rem/1.5 var(--st-code-font, monospace); tab-size: 2;
  white-space: pre-wrap; overflow-wrap: anywhere; box-sizing: border-box; width: 100%; border: 0; }
pre { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--st-text-color); }
textarea { position: relative; display: block; min-height: 6rem; resize: none; overflow: hidden; outline: 0;
  background: transparent; color: transparent; caret-color: var(--st-text-color); }
textarea::selection { background: color-mix(in srgb, var(--st-primary-color) 30%, transparent); }
.word { color: light-dark(#1557b0, #7fb2ff); } .text { color: light-dark(#0a6b2b, #6fcf8e); }
.figure { color: light-dark(#0f665b, #5fd3c1); } .note { opacity: 0.7; font-style: italic; }
ul { position: absolute; z-index: 5; margin: 0; padding: 0.2rem; list-style: none; max-height: 12rem; overflow: auto;
  background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 6px;
  font: 0.84rem var(--st-font); color: var(--st-text-color); }
li { padding: 0.2rem 0.6rem; cursor: pointer; border-radius: 4px; }
li[aria-selected=true] { background: var(--st-secondary-background-color); color: var(--st-primary-color); }
.line { display: flex; gap: 0.8rem; align-items: center; margin-top: 0.5rem; font-family: var(--st-font);
  color: var(--st-text-color); }
small { opacity: 0.75; font-size: 0.8rem; }
button { font: 600 0.9rem var(--st-font); padding: 0.4rem 1.1rem; min-height: 2rem; border-radius: 6px; border: 0;
  cursor: pointer; background: var(--st-primary-color); color: light-dark(#ffffff, #10141b); }
button:disabled { opacity: 0.5; cursor: default; }
button:focus-visible { outline: 2px solid var(--st-text-color); outline-offset: 2px; }
"""
_JS: Final = r"""
const MOST = 12;
const WORDS = new Set((
  'select from where group by order having limit offset join inner left right full outer cross on using as and or ' +
  'not in is null like ilike between case when then else end distinct union all except intersect with recursive asc ' +
  'desc over partition filter within interval cast date timestamp true false qualify window exists first last nulls ' +
  'rows range').split(' '));
const TOKENS = new RegExp([
  /(--[^\n]*|\/\*[^]*?(?:\*\/|$))/u, /('(?:[^']|'')*'?)/u, /("(?:[^"]|"")*"?)/u, /(\b\d[\d.]*)/u,
  /([\p{L}_][\p{L}\p{N}_]*)/u].map(one => one.source).join('|'), 'gu');
const PIECE = /[\p{L}\p{N}_]*$/u;
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement, box = root.querySelector('textarea'), ground = root.querySelector('pre');
  const list = root.querySelector('ul'), run = root.querySelector('button');
  let offered = [], at = 0;
  const paint = () => {
    const spans = [];
    let from = 0;
    const put = (text, kind) => {
      const span = document.createElement('span');
      span.textContent = text;
      if (kind) span.className = kind;
      spans.push(span);
    };
    for (const found of box.value.matchAll(TOKENS)) {
      const [text, note, quoted, name, figure] = found;
      const kind = note ? 'note' : quoted ? 'text' : figure ? 'figure' :
        !name && WORDS.has(text.toLowerCase()) ? 'word' : '';
      if (!kind) continue;
      put(box.value.slice(from, found.index));
      put(text, kind);
      from = found.index + text.length;
    }
    put(box.value.slice(from) + '\n');
    ground.replaceChildren(...spans);
    box.style.height = 'auto';
    box.style.height = box.scrollHeight + 'px';
    run.disabled = !box.value.trim();
  };
  const close = () => { list.hidden = true; offered = []; box.removeAttribute("aria-activedescendant"); };
  const piece = () => PIECE.exec(box.value.slice(0, box.selectionStart))[0];
  const take = index => {
    const from = box.selectionStart - piece().length;
    box.setRangeText(offered[index], from, box.selectionStart, 'end');
    close();
    paint();
    box.focus();
  };
  const mark = () => {
    [...list.children].forEach((one, i) => one.setAttribute('aria-selected', String(i === at)));
    list.children[at]?.scrollIntoView({ block: 'nearest' });
    box.setAttribute('aria-activedescendant', 'name-' + at);
  };
  const offer = always => {
    const start = piece().toLowerCase();
    if (!always && start.length < 2) return close();
    const fits = root.names.filter(name => name.toLowerCase().replace(/^"/, '').startsWith(start));
    offered = fits.filter(name => name.toLowerCase() !== start).slice(0, MOST);
    if (!offered.length) return close();
    at = 0;
    list.replaceChildren(...offered.map((name, i) => {
      const item = document.createElement('li');
      item.id = 'name-' + i;
      item.setAttribute('role', 'option');
      item.textContent = name;
      item.onmousedown = event => { event.preventDefault(); take(i); };
      return item;
    }));
    const lines = box.value.slice(0, box.selectionStart).split('\n');
    list.style.left = Math.min(60, 2 + lines[lines.length - 1].length * 0.5) + 'rem';
    list.style.top = (1 + lines.length * 1.3) + 'rem';
    list.hidden = false;
    mark();
  };
  root.names = data.names;
  // What runs comes back as the text to show; what is written meanwhile stays.
  const send = () => { if (box.value.trim()) { root.given = box.value; setTriggerValue('run', box.value); } };
  run.onclick = send;
  box.oninput = () => { paint(); offer(false); };
  box.onblur = close;
  box.onkeydown = event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); close(); send(); }
    else if (event.key === ' ' && event.ctrlKey) { event.preventDefault(); offer(true); }
    else if (list.hidden) return;
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      at = (at + (event.key === 'ArrowDown' ? 1 : offered.length - 1)) % offered.length;
      mark();
    } else if (event.key === 'Enter' || event.key === 'Tab') { event.preventDefault(); take(at); }
    else if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); close(); }
  };
  if (root.given !== data.sql) { root.given = data.sql; box.value = data.sql; box.maxLength = data.most; }
  paint();
  // Where it is drawn in what is closed, it has no height yet.
  new ResizeObserver(paint).observe(run);
}
"""
MAX_SQL_CHARS: Final = 100_000
_editor_component = st.components.v2.component("nl2sql_sql_editor", html=_HTML, css=_CSS, js=_JS)


def edit_sql(sql: str, names: Sequence[str], *, key: str) -> str | None:
    """Draw the editor with this SQL in it; return what is to be run, once, after it was asked for.

    `names` are completed. The text in the editor stays as long as `sql` is the same.
    """
    result = _editor_component(
        key=key, data={"sql": sql, "names": list(names), "most": MAX_SQL_CHARS}, on_run_change=lambda: None
    )
    return str(result.run)[:MAX_SQL_CHARS] if result.run else None
