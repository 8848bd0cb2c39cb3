"""Whether an endpoint read the whole prompt, from the tokens that it says it read.

Some servers cut a prompt that is longer than their context, and say nothing. It counts no tokens: it knows how few
a text takes at the least.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nl2sql.types import Usage

# No tokenizer in wide use gets more characters of prose into a token than this.
_MOST_CHARS: Final = 5.5
_MOST_WIDE_CHARS: Final = 2.5
_FEWEST_CHARS: Final = 2.5
_FIRST_WIDE: Final = "\u2e80"
# What chat templates add to the messages, and more.
_SLACK: Final = 256


def find_cut(body: Mapping[str, Any], usage: Usage) -> tuple[int, int] | None:
    """The tokens that were read and the fewest that were sent, where the endpoint did not read all; else None.

    What an endpoint counts may leave out what it had read before: so a count that the messages after the first one
    could explain, with the tools, says nothing. Nor does none.
    """
    read = usage.prompt_tokens + usage.cached_tokens
    least = int(sum(map(_estimate_fewest, _collect_texts(body))))
    if not usage.prompt_tokens or read >= least:
        return None
    rest = [*body.get("messages", ())[1:], *body.get("tools", ()), *body.get("functions", ())]
    if read <= _SLACK + _estimate_most(json.dumps(rest, ensure_ascii=False)):
        return None
    return usage.prompt_tokens, least


def _collect_texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a request that surely becomes part of the prompt: of the tools, names and descriptions."""
    for message in body.get("messages", ()):
        content = message.get("content")
        if isinstance(content, str):
            yield content
    for tool in [*body.get("tools", ()), *body.get("functions", ())]:
        function = tool.get("function", tool)
        yield f"{function.get('name', '')} {function.get('description', '')}"
        yield " ".join(function.get("parameters", {}).get("properties", {}))


def _estimate_fewest(text: str) -> float:
    wide = _count_wide(text)
    return (len(text) - wide) / _MOST_CHARS + wide / _MOST_WIDE_CHARS


def _estimate_most(text: str) -> float:
    wide = _count_wide(text)
    return (len(text) - wide) / _FEWEST_CHARS + wide * _FEWEST_CHARS


def _count_wide(text: str) -> int:
    return 0 if text.isascii() else sum(c >= _FIRST_WIDE for c in text)
