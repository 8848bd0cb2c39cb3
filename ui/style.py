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
[class*="st-key-drawn-"] button:is([aria-label^="Show data"], [aria-label^="Download as"]) { display: none; }
.st-key-warm { display: none; }
[class*="st-key-look-"] { position: absolute; }
.stText { overflow-wrap: anywhere; }
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
