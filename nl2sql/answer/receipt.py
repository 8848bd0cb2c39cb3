"""A receipt of an answer: what it was made from, as short hashes, and what has changed since.

It stores nothing itself, and no hash can be turned back into its text.
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
    """Make the receipt of an answer over that schema, under that policy.

    `prompt` is what a model was first sent, None where no model was called. `settings` are those that the answer
    depends on, as JSON accepts them.
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
    """Hash the names and types of all tables and columns, and the declared keys, but no values."""
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
    """Hash what may be read, independent of the order in which it is written."""
    allowed = None if policy.allow_tables is None else sorted(policy.allow_tables)
    return _hash([allowed, sorted(policy.deny_tables), sorted(policy.deny_columns)])


@cache
def find_versions() -> Mapping[str, str]:
    """Return the versions of the packages that write, judge and run SQL."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def compare_receipts(then: Receipt, now: Receipt) -> dict[str, str]:
    """Return what has changed between two receipts: a sentence for each of schema, data, policy, model, and so on."""
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
