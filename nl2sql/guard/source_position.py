"""Where in a text something stands: line and column, both from 1.

It counts characters; DuckDB's own places count bytes of UTF-8.
"""

from __future__ import annotations


def find_position(sql: str, offset: int) -> tuple[int, int]:
    """Line and column of the character at that offset."""
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def find_byte_position(sql: str, offset: int | None) -> tuple[int | None, int | None]:
    """Line and column of the byte at that offset of the UTF-8 text; both None where there is no such byte."""
    encoded = sql.encode()
    if offset is None or not 0 <= offset <= len(encoded):
        return None, None
    return find_position(sql, len(encoded[:offset].decode(errors="ignore")))
