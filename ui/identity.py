"""Who asks: the identity that Streamlit's OIDC sign-in gives, where the secrets configure it.

Without it the page is one user's own, on one machine: then there is nobody to tell apart.
"""

from __future__ import annotations

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError


def signs_in() -> bool:
    """Whether people sign in here."""
    try:
        return "auth" in st.secrets
    except StreamlitSecretNotFoundError:
        return False


def signed_in() -> bool:
    """Whether the page may be shown; where not, the way to sign in is."""
    if not signs_in() or st.user.is_logged_in:
        return True
    st.title("nl2sql")
    st.write("Sign in to ask questions.")
    st.button("Sign in", type="primary", on_click=st.login)
    return False


def user() -> str | None:
    """The signed-in user's e-mail address, or the provider's own name for them; None where nobody signs in."""
    if not signs_in():
        return None
    return str(st.user.get("email") or st.user.get("sub"))
