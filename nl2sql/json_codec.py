"""Dataclasses as JSON values and back: for files, and for the pipes to other processes.

It reads and writes nothing itself. Decoded values are checked against the types of the fields, as a file may be damaged
and a process may have been taken over.
"""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def encode_value(value: Any) -> Any:
    """Return a dataclass as JSON values: dicts, lists or tuples, and scalars; sets are sorted."""
    import msgspec

    return msgspec.to_builtins(value, order="deterministic")


def decode_value(data: Any, kind: type[T]) -> T:
    """Return the value of that type that `encode_value` wrote as `data`: no field may be missing or unknown.

    >>> from nl2sql.types import Proof
    >>> decode_value({"sql": "SELECT 1", "wants_row": True}, Proof)
    Proof(sql='SELECT 1', wants_row=True)

    Raises:
        ValueError: `data` is anything else.
    """
    value = decode_known_fields(data, kind)
    if not _has_same_keys(encode_value(value), data):
        raise ValueError(f"a {kind.__name__} has a field too few or too many")
    return value


def decode_known_fields(data: Any, kind: type[T]) -> T:
    """Return the value of that type; a missing field has its default, an unknown one is ignored.

    Raises:
        ValueError: a field without a default is missing, or a value does not have the type of its field.
    """
    import msgspec

    return msgspec.convert(data, kind)


def _has_same_keys(encoded: Any, data: Any) -> bool:
    """Return whether both have the same keys and lengths at every level; scalars are not compared."""
    if isinstance(encoded, dict):
        return encoded.keys() == data.keys() and all(_has_same_keys(encoded[key], data[key]) for key in encoded)
    if isinstance(encoded, list | tuple):
        return len(encoded) == len(data) and all(map(_has_same_keys, encoded, data))
    return True
