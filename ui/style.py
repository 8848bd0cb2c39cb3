"""The page's own few rules of style. Nothing in them comes from a model, the data or the user."""

from __future__ import annotations

from typing import Final

import streamlit as st

_CSS: Final = """
<style>
.stMainBlockContainer { padding-top: 2.6rem; padding-bottom: 2rem; max-width: 110rem; }
.stSidebar .stVerticalBlock { gap: 0.55rem; }
[class*="st-key-asked-"] { border-left: 3px solid light-dark(#1f5fbf, #7fb2ff); padding-left: 0.75rem;
  margin-top: 0.6rem; }
[class*="st-key-asked-"] .stText { font-weight: 600; font-size: 1.05rem; }
[class*="st-key-said-"] .stText { font-size: 1.05rem; line-height: 1.5; }
[class*="st-key-turn-"] { padding-bottom: 0.4rem; }
[data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"] {
  color: light-dark(#ffffff, #10141b); }
.st-key-warm { display: none; }
.stText { overflow-wrap: anywhere; }
</style>
"""


def style() -> None:
    """Put the rules into the page."""
    st.html(_CSS)
