"""Who asks: the identity from Streamlit's OIDC sign-in, where the page was started with one.

Without a sign-in, everybody on the page is the same user.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from nl2sql import ConfigError
from ui.error_text import show_error
from ui.page_settings import get_launch
from ui.sign_in import DEFAULT, find_providers


def has_sign_in() -> bool:
    """Return whether people sign in here.

    Raises:
        ConfigError: the page was not started by `nl2sql ui`.
    """
    return get_launch().auth is not None


def ensure_signed_in() -> bool:
    """Return whether the page may be shown; else show the sign-in, or what is wrong with it."""
    if not has_sign_in():
        return True
    if not st.user.is_logged_in:
        st.title("nl2sql")
        st.write("Sign in to ask questions.")
        for provider in find_providers(get_launch().auth or {}):
            label = "Sign in" if provider == DEFAULT else f"Sign in with {provider}"
            st.button(label, type="primary", on_click=st.login, args=(provider,))
        return False
    if read_identity(st.user) is None:
        show_error(_make_unidentified_error())
        st.button("Sign out", on_click=st.logout)
        return False
    return True


def get_user() -> str | None:
    """Return who has signed in; None where sign-in is off.

    Raises:
        ConfigError: the sign-in does not identify the person.
    """
    if not has_sign_in():
        return None
    identity = read_identity(st.user)
    if identity is None:
        raise _make_unidentified_error()
    return identity


def read_identity(claims: Mapping[str, object]) -> str | None:
    """Return the person's verified e-mail address, else their id at the provider; None without either.

    An unverified address may belong to somebody else; the id (`sub`) is unique at its provider (`iss`) only.
    """
    subject, issuer = claims.get("sub"), claims.get("iss")
    if not isinstance(subject, str) or not subject:
        return None
    email = claims.get("email")
    if claims.get("email_verified") is True and isinstance(email, str) and email:
        return email
    return f"{issuer} {subject}" if isinstance(issuer, str) and issuer else None


def _make_unidentified_error() -> ConfigError:
    return ConfigError(
        "your sign-in does not say who you are: it has no `sub` and `iss`",
        "Ask the person who runs the page to use an OpenID Connect provider that sends them, with the scope `openid`.",
    )
