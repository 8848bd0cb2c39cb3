"""Detects from the reported token count whether an endpoint read the whole prompt.

Some servers cut a prompt that exceeds their context, without an error. No tokenizer is used: the least number of tokens
of a text is estimated from its characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nl2sql.errors import ModelError
from nl2sql.types import ErrorInfo, Usage

# No widely used tokenizer puts more characters of prose into a token.
_MAX_CHARS_PER_TOKEN: Final = 5.5
_MAX_WIDE_CHARS_PER_TOKEN: Final = 2.5
_MIN_CHARS_PER_TOKEN: Final = 2.5
_FIRST_WIDE: Final = "\u2e80"
# More than chat templates add to the messages.
_SLACK_TOKENS: Final = 256


def find_cut(body: Mapping[str, Any], usage: Usage) -> tuple[int, int] | None:
    """Return the tokens that were read and the fewest that were sent, if the endpoint did not read all; else None.

    Some endpoints do not count tokens that they had cached without saying so. A count that the tools and the messages
    after the first one could explain is therefore no evidence, and neither is a count of 0.
    """
    read = usage.prompt_tokens + usage.cached_tokens
    least = int(sum(map(_estimate_min_tokens, _collect_texts(body))))
    if not usage.prompt_tokens or read >= least:
        return None
    rest = [*body.get("messages", ())[1:], *body.get("tools", ()), *body.get("functions", ())]
    if read <= _SLACK_TOKENS + _estimate_max_tokens(json.dumps(rest, ensure_ascii=False)):
        return None
    return usage.prompt_tokens, least


def describe_cut(read_tokens: int, min_tokens: int, *, model: str, host: str) -> ErrorInfo:
    """Return the warning that an endpoint read only `read_tokens` of a prompt of at least `min_tokens`."""
    return ErrorInfo(
        ModelError.code,
        f"{host} cut the prompt: {model} read {read_tokens:,} of at least {min_tokens:,} tokens, "
        "so it has not seen all tables",
        f"Of {min_tokens:,} tokens {read_tokens:,} were read: "
        "raise the model's context (Ollama: num_ctx, or OLLAMA_CONTEXT_LENGTH "
        "for its server), name a model with a longer one, or show fewer tables ([database] include in nl2sql.toml).",
    )


def _collect_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text of a request that is sure to become part of the prompt; of tools, names and descriptions."""
    for message in body.get("messages", ()):
        content = message.get("content")
        if isinstance(content, str):
            yield content
    for tool in [*body.get("tools", ()), *body.get("functions", ())]:
        function = tool.get("function", tool)
        yield f"{function.get('name', '')} {function.get('description', '')}"
        yield " ".join(function.get("parameters", {}).get("properties", {}))


def _estimate_min_tokens(text: str) -> float:
    wide = _count_wide_chars(text)
    return (len(text) - wide) / _MAX_CHARS_PER_TOKEN + wide / _MAX_WIDE_CHARS_PER_TOKEN


def _estimate_max_tokens(text: str) -> float:
    wide = _count_wide_chars(text)
    return (len(text) - wide) / _MIN_CHARS_PER_TOKEN + wide * _MIN_CHARS_PER_TOKEN


def _count_wide_chars(text: str) -> int:
    return 0 if text.isascii() else sum(c >= _FIRST_WIDE for c in text)
