"""The page's own few rules of style, most of them so that text stands out from its ground.

Nothing in them comes from a model, the data or the user.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

_CSS: Final = """
<style>
.stMainBlockContainer { padding-top: 3rem; padding-bottom: 1rem; max-width: 75rem; }
.stBottomBlockContainer, [data-testid="stBottomBlockContainer"] { max-width: 75rem; padding-top: 0.5rem;
  padding-bottom: 1rem; }
@media (max-width: 768px) { .stMainBlockContainer { padding-top: 4.4rem; } }
.stSidebar .stVerticalBlock { gap: 0.55rem; }
[class*="st-key-turn-"] { padding-bottom: 1rem; }
.st-key-turns { gap: 1rem; }
.st-key-turns > div + div { border-top: 1px solid light-dark(#e3e6ec, #31363f); padding-top: 1rem; }
/* The last one can come to the top of the window, however short it is. */
.st-key-turns > div:last-child { min-height: calc(100dvh - 8.5rem); }
[class*="st-key-turn-"] h2 { font-size: 0.95rem; font-weight: 500; padding: 0; line-height: 1.4;
  color: light-dark(#4a5162, #b4bac6); }
[class*="st-key-said-"] .stText { font-size: 1.3rem; line-height: 1.4; font-weight: 600; max-width: 60rem; }
[class*="st-key-reply-"] .stText { font-size: 1.05rem; line-height: 1.5; max-width: 60rem; }
[class*="st-key-doubts-"] { border-left: 3px solid light-dark(#b26a00, #ffb454); padding-left: 0.7rem; }
[class*="st-key-trust-amber-"] p, [class*="st-key-doubts-"] p {
  color: light-dark(#6b4200, #ffcf8a); }
[class*="st-key-frame-"] { border-radius: 6px; background: light-dark(#f3f4f7, #1a1f28); }
[class*="st-key-arrival-"], [class*="st-key-announcement-"], .st-key-window { position: absolute; }
.st-key-welcome { min-height: calc(100dvh - 13rem); justify-content: center; }
.st-key-welcome h2 { font-size: 1.6rem; padding-bottom: 0; }
[data-testid="stPopoverButton"][aria-expanded="true"] { color: light-dark(#1f5fbf, #7fb2ff); }
.stApp kbd { color: inherit; opacity: 0.9; }
.stFeedback button, [data-testid="stFeedback"] button { min-width: 28px; min-height: 28px; }
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"] {
  color: light-dark(#ffffff, #10141b); }
[class*="st-key-drawn-"] button:is([aria-label^="Show data"], [aria-label^="Download as"]) { display: none; }
.st-key-warm { display: none; }
[class*="st-key-look-"] { position: absolute; }
.stText { overflow-wrap: anywhere; }
.st-key-board { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1rem; }
[class*="st-key-tilehead-"] { flex-wrap: nowrap; }
[class*="st-key-tilehead-"] .stElementContainer { min-width: 0; }
[class*="st-key-tilehead-"] .stText { font-weight: 600; }
[class*="st-key-tile-"] .stMenuButton p { position: absolute; clip-path: inset(50%); }
[class*="st-key-tile-"] .stMenuButton div[aria-hidden] { display: none; }
.stSidebar .st-key-conversations { gap: 0.15rem; }
.st-key-conversations .stHorizontalBlock { flex-wrap: nowrap; }
.st-key-conversations .stElementContainer { min-width: 0; }
.st-key-conversations button { min-height: 0; padding: 0.2rem 0.3rem; min-width: 0; }
.st-key-conversations .stButton button > div { justify-content: flex-start; width: 100%; min-width: 0; }
.st-key-conversations button p { font-size: 0.87rem; }
.st-key-conversations .stMenuButton p { position: absolute; clip-path: inset(50%); }
.st-key-conversations .stMenuButton div[aria-hidden] { display: none; }
.stApp [data-testid="stCaptionContainer"], .stApp .stExpander summary { opacity: 0.85; }
.stCode .token.keyword, .stCode .token.function { color: light-dark(#1557b0, #7fb2ff); }
.stCode .token.string { color: light-dark(#0a6b2b, #6fcf8e); }
.stCode .token.number, .stCode .token.boolean { color: light-dark(#0f665b, #5fd3c1); }
.stCode .token.operator { color: light-dark(#994500, #ff9d5c); }
.stCode .token.punctuation { color: light-dark(#565b6e, #a5abbf); }
@media print {
  .stSidebar, .stBottom, [data-testid="stBottom"], header, [class*="st-key-remedies-"] { display: none !important; }
  .stApp, .stMain, .stAppViewContainer, .stAppViewContainer * { overflow: visible !important; height: auto; }
}
</style>
"""


def apply_style() -> None:
    """Put the rules into the page."""
    st.html(_CSS)
