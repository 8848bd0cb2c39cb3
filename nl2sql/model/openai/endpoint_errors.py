"""Interprets an endpoint's refusal: try again, ask in another way, or tell the user what to do.

Pure: a status and a body in, a verdict or an error out. It neither waits nor sends.

Written by hand: the `openai` SDK's exceptions carry a status, but not what to ask otherwise, in many servers' words.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from nl2sql.errors import ModelError
from nl2sql.model.openai.tool_protocols import TEXT


class Cause(StrEnum):
    """The kind of failure."""

    STATUS = "status"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    TIMEOUT = "timeout"
    UNSENDABLE = "unsendable"
    MALFORMED = "malformed"
    EMPTY = "empty"
    REDIRECTED = "redirected"


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that gave no reply. `status` is 0 if no HTTP answer was received; `retry_after` is in seconds.

    `body` is the endpoint's error object and `message` its text; `detail` is text of ours. `may_retry` is what the
    endpoint says about another try, None if it says nothing.
    """

    cause: Cause
    status: int = 0
    message: str = ""
    body: Any = None
    retry_after: float | None = None
    may_retry: bool | None = None
    detail: str = ""

    @property
    def full_text(self) -> str:
        """The endpoint's message and error object as one text, for searching."""
        encoded = json.dumps(self.body, default=str)[:_MAX_TEXT_CHARS] if self.body else ""
        return f"{self.message[:_MAX_TEXT_CHARS]} {encoded}"


_MAX_TEXT_CHARS: Final = 4_000
MAX_RETRY_WAIT_SECONDS: Final = 60.0
"""A request is not repeated if the endpoint asks for a longer wait."""

_TOOL_WORDS = re.compile(
    r"\b(?:tools?|tool_(?:choice|calls?)|functions?|function_?call(?:s|ing)?|roles must alternate)\b",
    re.I,
)
_UNABLE = re.compile(r"support|requires?\b|enabled?\b|implemented|unexpected role|must alternate|jinja", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context.{0,3}(?:length|window|size)|maximum context|too many tokens|prompt is too long|input.{0,20}too long"
    r"|exceeds? the (?:available|maximum|model).{0,30}(?:context|tokens)|reduce the length|token limit",
    re.IGNORECASE,
)
_TOKENS = re.compile(r"tokens?\b", re.IGNORECASE)
_NO_QUOTA = re.compile(r"insufficient.{0,3}(?:quota|balance|credit|funds)|exceeded your current quota|billing", re.I)
_NO_SYSTEM = re.compile(r"system (?:role|message|prompt|instruction)s?.{0,20}not (?:supported|enabled|allowed)", re.I)
_NO_MODEL = re.compile(
    r"model.{0,80}(?:not.{0,3}found|not exist|unknown|invalid|no access|pull)|no such model", re.I | re.S
)
_HOUR_SECONDS: Final = 3600.0
_ESSENTIAL = frozenset({"model", "messages", "tools", "functions"})


def is_retryable(failure: Failure) -> bool:
    """Return whether the same request may succeed later: 408, 409, 429, 5xx, lost connections, empty replies."""
    if failure.may_retry is False or (failure.retry_after or 0.0) > MAX_RETRY_WAIT_SECONDS:
        return False
    if failure.cause is Cause.STATUS:
        lasting = failure.status == 501 or _NO_QUOTA.search(failure.full_text) or is_too_long(failure)
        return not lasting and (failure.status in (408, 409, 429) or failure.status >= 500)
    return failure.cause in (Cause.UNREACHABLE, Cause.BROKEN, Cause.EMPTY)


def is_too_long(failure: Failure) -> bool:
    """Return whether the conversation exceeds the model's context."""
    return failure.status in (400, 413, 422, 500) and _TOO_LONG.search(failure.full_text) is not None


def is_tools_refusal(failure: Failure, protocol: str) -> bool:
    """Return whether the endpoint cannot handle calls in this protocol. Some endpoints say so with status 500."""
    if protocol == TEXT or failure.status not in (400, 404, 422, 500, 501) or is_too_long(failure):
        return False
    if failure.status == 500 and not _UNABLE.search(failure.full_text):
        return False
    return _TOOL_WORDS.search(failure.full_text) is not None


def is_system_refusal(failure: Failure) -> bool:
    """Return whether the model's chat template has no system message."""
    return failure.status in (400, 422, 500) and _NO_SYSTEM.search(failure.full_text) is not None


def is_token_limit_refusal(failure: Failure) -> bool:
    """Return whether the endpoint refuses the requested number of tokens, or that of the prompt."""
    return failure.status in (400, 413, 422, 500) and (
        is_too_long(failure) or _TOKENS.search(failure.full_text) is not None
    )


def is_logprobs_refusal(failure: Failure) -> bool:
    """Return whether the endpoint refuses to send log-probabilities. Some forbid them (403) for a model."""
    return failure.status in (400, 403, 404, 422, 500) and "logprob" in failure.full_text.lower()


def find_refused_parameter(failure: Failure, sent: Collection[str]) -> str | None:
    """Return which optional parameter, of those sent, the endpoint names as refused; None if it names none."""
    if failure.status not in (400, 404, 422, 500) or is_too_long(failure):
        return None
    words = failure.full_text
    named = failure.body.get("param") if isinstance(failure.body, Mapping) else None
    for name in sorted(set(sent) - _ESSENTIAL, key=lambda n: (-len(n), n)):
        about = (
            rf"[\"'`\\.]{name}\b|\b(?:parameters?|arguments?|fields?|property|supports?)\W+(?:\w+\W+){{0,3}}{name}\b"
        )
        if named == name or re.search(rf"{about}|\b{name}\b.{{0,12}}\bnot (?:supported|permitted|allowed)", words):
            return name
    return None


def find_failed_generation(failure: Failure) -> str | None:
    """Return the model's text if the endpoint could not parse a call in it and sent it with the error, else None."""
    generated = failure.body.get("failed_generation") if isinstance(failure.body, Mapping) else None
    return generated if isinstance(generated, str) and generated.strip() else None


def is_unknown_model(failure: Failure) -> bool:
    """Return whether the endpoint does not have the requested model."""
    return failure.status == 404 or (failure.status in (400, 422) and _NO_MODEL.search(failure.full_text) is not None)


def make_model_error(
    failure: Failure, *, model: str, host: str, available_models: Sequence[str] = (), setting: str = "OPENAI_BASE_URL"
) -> ModelError:
    """Return the error for the user: what happened, and what to do.

    `host` is the endpoint's host and port; `setting` names the setting that holds its address.
    """
    if failure.cause is Cause.STATUS:
        return _make_status_error(failure, model, host, available_models, setting)
    messages = {
        Cause.UNREACHABLE: (
            f"cannot reach the model endpoint at {host}{_format_clause(failure.detail)}",
            f"Start the server, or check {setting}; -m local needs neither.",
        ),
        Cause.BROKEN: (
            f"the connection to {host} broke off before the model answered",
            "Ask again; if it happens often, look at the server's log.",
        ),
        Cause.TIMEOUT: (
            f"{model} at {host} gave no answer within {failure.detail}",
            "Ask again, or use a smaller model: a long prompt on a slow machine takes minutes.",
        ),
        Cause.UNSENDABLE: (
            f"the request cannot be sent to {host}{_format_clause(failure.detail)}",
            f"Check OPENAI_API_KEY (no spaces or line breaks inside) and {setting} (begins with http:// or https://).",
        ),
        Cause.MALFORMED: (
            f"{host} answered, but not as a chat endpoint does{_format_clause(failure.detail)}",
            f"Check {setting}: it usually ends in /v1.",
        ),
        Cause.REDIRECTED: (
            f"{host} sends requests on to another address{_format_clause(failure.detail)}",
            f"Your key and data were not sent there. Set {setting} to that address if you trust it.",
        ),
        Cause.EMPTY: (
            f"{model} sent an empty reply{_format_clause(failure.detail)}",
            "Ask again, put the question otherwise, or name another model with -m.",
        ),
    }
    return ModelError(*messages[failure.cause])


def _make_status_error(
    failure: Failure, model: str, host: str, available_models: Sequence[str], setting: str
) -> ModelError:
    status, clause = failure.status, _format_clause(failure.message)
    if status in (401, 403):
        return ModelError(
            f"{host} refused the API key ({status})", "Check OPENAI_API_KEY: is it for this endpoint and this model?"
        )
    if is_too_long(failure):
        return ModelError(
            f"the question and its schema are longer than {model} can read{clause}",
            "Limit the tables ([database] include in nl2sql.toml), or name a model with a longer context.",
        )
    if status == 402 or _NO_QUOTA.search(failure.full_text):
        return ModelError(
            f"the account at {host} has no quota left{clause}", "Check its plan and billing, or use -m local."
        )
    if status == 429:
        seconds = failure.retry_after or MAX_RETRY_WAIT_SECONDS
        wait = (
            "in a minute"
            if not failure.retry_after
            else f"in {seconds:.0f} s"
            if seconds <= _HOUR_SECONDS
            else "much later"
        )
        return ModelError(f"{host} takes no more requests now (429){clause}", f"Ask again {wait}.")
    if is_unknown_model(failure):
        return _make_unknown_model_error(failure, model, host, available_models, setting)
    if status >= 500:
        return ModelError(
            f"{host} failed ({status}){clause}", "Ask again in a while; if it is your own server, look at its log."
        )
    return ModelError(
        f"{host} refused the request ({status}){clause}", "Check the model's name and the endpoint's settings."
    )


def _make_unknown_model_error(
    failure: Failure, model: str, host: str, available_models: Sequence[str], setting: str
) -> ModelError:
    if model in available_models or not (available_models or _NO_MODEL.search(failure.full_text)):
        return ModelError(
            f"{host} has no chat completions at this address (404){_format_clause(failure.message)}",
            f"Check {setting}: it usually ends in /v1.",
        )
    if not available_models:
        return ModelError(
            f"{host} has no model {model!r}", "Check OPENAI_MODEL or -m; some servers must pull a model first."
        )
    lowered = {name.lower(): name for name in available_models}
    nearest = [lowered[n] for n in difflib.get_close_matches(model.lower(), lowered, n=1, cutoff=0.4)]
    shown = nearest + [name for name in available_models if name not in nearest][:7]
    more = f" and {len(available_models) - len(shown)} more" if len(available_models) > len(shown) else ""
    guess = f"Did you mean {nearest[0]}? " if nearest else ""
    return ModelError(f"{host} has no model {model!r}", f"{guess}It has {', '.join(shown)}{more}.")


def _format_clause(text: str) -> str:
    """Return the endpoint's message as a short clause to append; empty if it is blank or an HTML page."""
    plain = " ".join(text.split())
    if not plain or plain.startswith("<"):
        return ""
    return f": {plain[:300]}{'…' if len(plain) > 300 else ''}"
