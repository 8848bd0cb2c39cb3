"""People who sign in: nobody else gets in, each has their own history, and the history and the log say who asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nl2sql import open_store
from nl2sql.config import Config

from .conftest import PATIENCE_MS, Analyst, expect, page_process, sit_down
from .model_server import ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = pytest.mark.browser

SECRET = "of-the-test-" * 4
SECRETS = f"""[auth]
redirect_uri = "http://127.0.0.1:8501/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "page"
client_secret = "none"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""
_COOKIE = "_streamlit_user"


@contextmanager
def signed_in(browser: Browser, address: str, email: str) -> Iterator[Analyst]:
    """Somebody with the cookie that the sign-in gives."""
    claims = {"iss": "https://login.example", "sub": email, "email": email, "email_verified": True}
    with with_cookie(browser, address, claims) as context:
        yield sit_down(context, address)


@contextmanager
def with_cookie(browser: Browser, address: str, claims: dict[str, object]) -> Iterator[BrowserContext]:
    """A browser whose cookie says this of the person."""
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    said = json.dumps({"origin": address, "is_logged_in": True, **claims})
    cookie = create_signed_value(SECRET, _COOKIE, said).decode()
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": _COOKIE, "value": cookie, "url": address}])
        yield context


def test_providers_with_names_have_a_button_each(
    browser: Browser, model: ModelServer, tmp_path: Path, home: Path
) -> None:
    general, provider = SECRETS.split("client_id")
    sections = [f"[auth.{name}]\nclient_id{provider}" for name in ("google", "ours")]
    (home / "secrets.toml").write_text(general + "".join(sections))
    with page_process(home, model, cwd=tmp_path) as address, browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(address)
        for name in ("google", "ours"):
            expect(page.get_by_role("button", name=f"Sign in with {name}")).to_be_visible()
        assert page.get_by_role("button", name="Sign in").count() == 2


def test_the_button_leads_to_the_provider(browser: Browser, model: ModelServer, tmp_path: Path, home: Path) -> None:
    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = f"http://{self.headers['Host']}"
            told = {"issuer": place, "authorization_endpoint": f"{place}/authorize", "jwks_uri": f"{place}/keys"}
            data = json.dumps({**told, "token_endpoint": f"{place}/token"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        (home / "secrets.toml").write_text(SECRETS.replace("http://127.0.0.1:9/", f"{place}/"))
        with page_process(home, model, cwd=tmp_path) as address, browser.new_context() as context:
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            page.goto(address)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(re.compile(re.escape(f"{place}/authorize?")))
            assert "client_id=page" in page.url and "oauth2callback" in page.url
        server.shutdown()


def test_each_user_has_their_own_history(browser: Browser, model: ModelServer, tmp_path: Path, home: Path) -> None:
    (home / "secrets.toml").write_text(SECRETS)
    with page_process(home, model, cwd=tmp_path) as address:
        with browser.new_context() as context:
            context.set_default_timeout(PATIENCE_MS)
            stranger = context.new_page()
            stranger.goto(address)
            expect(stranger.get_by_role("button", name="Sign in")).to_be_visible()
            assert stranger.get_by_placeholder("Ask a question").count() == 0
        with with_cookie(browser, address, {"email": "ann@example.com", "email_verified": True}) as context:
            nobody = context.new_page()
            nobody.goto(address)
            expect(nobody.get_by_text("does not say who you are")).to_be_visible()
            assert nobody.get_by_placeholder("Ask a question").count() == 0
        with signed_in(browser, address, "ann@example.com") as ann:
            turn = ann.ask("how many orders, asks Ann")
            turn.get_by_role("button", name="Link").click()
            link = ann.page.get_by_text("?answer=").inner_text()
            ann.page.wait_for_url(re.compile("session="))
            conversation = ann.page.url.rpartition("/")[2]
        with signed_in(browser, address, "bob@example.com") as bob:
            bob.page.goto(link)
            expect(bob.page.get_by_text("no longer here")).to_be_visible()
            bob.open(conversation)
            expect(bob.page.get_by_text("no longer here")).to_be_visible()
            bob.page.get_by_role("tab", name="History").click()
            expect(bob.page.get_by_text("Nothing has been asked yet.")).to_be_visible()
            assert bob.page.get_by_text("asks Ann").count() == 0
    with open_store(Config(home=home)) as store:
        assert [entry.question for entry in store.list_entries(user="ann@example.com")] == ["how many orders, asks Ann"]
        assert store.list_entries(user="bob@example.com") == store.list_entries(user=None) == []
    log = next(home.glob("page-*.log")).read_text("utf-8")
    assert re.search(r"answered .*'ann@example\.com'", log) and "how many orders" not in log
