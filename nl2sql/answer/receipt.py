"""A receipt of an answer: from what it was made, in hashes short enough to be kept, and what has changed since.

It keeps nothing itself, and no hash can be read back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from nl2sql.types import Message, Policy, Receipt, Schema

_HASH_DIGITS: Final = 16
_PACKAGES: Final = ("nl2sql", "duckdb", "sqlglot")


def make_receipt(
    schema: Schema, policy: Policy, settings: Mapping[str, Any], prompt: Sequence[Message] | None = None
) -> Receipt:
    """The receipt of an answer over that schema, under that policy; `prompt` is what a model was first sent, if any.

    `settings` are those that an answer hangs on, as JSON takes them.
    """
    return Receipt(
        schema=hash_schema(schema),
        data=schema.fingerprint,
        policy=hash_policy(policy),
        prompt=_hash(list(prompt)) if prompt is not None else None,
        settings=dict(settings),
        versions=find_versions(),
    )


def hash_schema(schema: Schema) -> str:
    """Of the names and types of all tables and columns, and of the keys; not of what they hold."""
    tables = [
        [
            table.name,
            [[column.name, column.type] for column in table.columns],
            table.primary_key,
            [[key.columns, key.target_table, key.target_columns] for key in table.foreign_keys if not key.inferred],
        ]
        for table in sorted(schema.tables, key=lambda table: table.name)
    ]
    return _hash(tables)


def hash_policy(policy: Policy) -> str:
    """Of what may be read, whatever the order in which it is written."""
    allowed = None if policy.allow_tables is None else sorted(policy.allow_tables)
    return _hash([allowed, sorted(policy.deny_tables), sorted(policy.deny_columns)])


@cache
def find_versions() -> Mapping[str, str]:
    """The versions of what writes, judges and runs SQL."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def compare_receipts(then: Receipt, now: Receipt) -> dict[str, str]:
    """What has changed since, by what it is, each as a sentence."""
    found = {}
    if then.schema != now.schema:
        found["schema"] = "the schema changed: tables, columns, types or keys"
    if then.data != now.data:
        found["data"] = "the data changed, or was written again"
    if then.policy != now.policy:
        found["policy"] = "the policy changed"
    for key in sorted({*then.settings, *now.settings}):
        before, after = then.settings.get(key), now.settings.get(key)
        if before != after:
            kind = "model" if key == "model" else "settings"
            text = f"{key} was {_show(before)} and is {_show(after)}"
            found[kind] = f"{found[kind]}; {text}" if kind in found else text
    versions = [
        f"{package} was {before} and is {now.versions[package]}"
        for package, before in then.versions.items()
        if package in now.versions and before != now.versions[package]
    ]
    if versions:
        found["versions"] = "; ".join(versions)
    return found


def _show(value: Any) -> str:
    return "not set" if value is None else str(value)


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
