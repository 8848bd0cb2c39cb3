"""The page's own few rules of style, most of them so that text stands out from its ground.

Nothing in them comes from a model, the data or the user.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

_CSS: Final = """
<style>
.stMainBlockContainer { padding-top: 2.6rem; padding-bottom: 2rem; max-width: 110rem; }
.stSidebar .stVerticalBlock { gap: 0.55rem; }
[class*="st-key-turn-"] > :first-child .stText { border-left: 3px solid light-dark(#1f5fbf, #7fb2ff);
  padding: 0.1rem 0 0.1rem 0.75rem; margin-top: 0.6rem; font-weight: 600; font-size: 1.05rem; }
[class*="st-key-said-"] .stText { font-size: 1.05rem; line-height: 1.5; }
[class*="st-key-turn-"] { padding-bottom: 0.4rem; }
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"] {
  color: light-dark(#ffffff, #10141b); }
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
</style>
"""


def style() -> None:
    """Put the rules into the page."""
    st.html(_CSS)
