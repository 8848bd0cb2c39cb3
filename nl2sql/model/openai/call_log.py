"""Logs the calls of a model: where to, how many tokens, how long, and what was asked otherwise after a refusal.

It logs no key, no prompt and no words of the endpoint, which may repeat either.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from nl2sql.model.openai.capability_cache import EndpointCapabilities
from nl2sql.model.openai.endpoint_errors import Failure
from nl2sql.types import Usage

_LOG: Final = logging.getLogger(__name__)


class CallLog:
    """One call of `model` at `host` (host and port), from now on, with its retries."""

    def __init__(self, model: str, host: str) -> None:
        self._model, self._place = model, host
        self._start = time.perf_counter()

    def log_reply(self, usage: Usage) -> None:
        """Log a reply that came, with the endpoint's own count of its tokens."""
        seconds = time.perf_counter() - self._start
        text = "%s at %s replied in %.2f s: %d prompt tokens (%d cached), %d completion tokens"
        tokens = usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens
        _LOG.debug(text, self._model, self._place, seconds, *tokens)

    def log_failure(self, failure: Failure) -> None:
        """Log a try that gave no reply: its cause and HTTP status."""
        seconds = time.perf_counter() - self._start
        status = f" {failure.status}" if failure.status else ""
        _LOG.info("%s at %s failed after %.2f s: %s%s", self._model, self._place, seconds, failure.cause, status)

    def log_fallback(self, refused: EndpointCapabilities, chosen: EndpointCapabilities) -> None:
        """Log which capabilities are done without from now on."""
        if _LOG.isEnabledFor(logging.INFO):
            changes = ", ".join(_list_changes(refused, chosen))
            _LOG.info("%s at %s is asked otherwise: %s", self._model, self._place, changes)

    def log_retry(self, number: int) -> None:
        """Log that the same is asked once more."""
        _LOG.info("%s at %s is asked again, retry %d", self._model, self._place, number)


def _list_changes(refused: EndpointCapabilities, chosen: EndpointCapabilities) -> Iterator[str]:
    for field in fields(chosen):
        before, after = getattr(refused, field.name), getattr(chosen, field.name)
        if before != after:
            yield f"{field.name} {before!r} -> {after!r}"
