"""What an answer took, in a line: time, tokens and money, and the model.

It counts nothing: the answer says it all.
"""

from __future__ import annotations

from nl2sql import Answer


def describe_cost(answer: Answer) -> str:
    """Time, tokens and money of an answer, and its model."""
    seconds, usage = answer.seconds, answer.usage
    parts = [f"{seconds.total:.1f} s (model {seconds.model:.1f}, database {seconds.database:.2f})"]
    if usage.model_calls:
        calls = f"{usage.model_calls} call{'' if usage.model_calls == 1 else 's'}"
        parts.append(f"{usage.prompt_tokens + usage.completion_tokens:,} tokens in {calls}")
    if usage.cost_usd is not None:
        parts.append(f"${usage.cost_usd:.4f}")
    return " · ".join([*parts, answer.model] if answer.model else parts)
