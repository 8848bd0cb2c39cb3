"""Three libraries that differ only in what the policy denies: other values, and nothing there at all.

A query that the guard allows must answer alike in all three: that is the oracle, and it knows nothing of the guard.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb

from nl2sql.types import Policy

POLICY: Final = Policy(
    deny_tables=frozenset({"vault", "archive.loans", "codes"}), deny_columns=frozenset({"members.pin", "staff.wage"})
)
# Texts and numbers of the first world's denied cells; no other cell holds them, nor may any answer or error.
MARKERS: Final = ("qzvault", "qzsealed", "qzpin", "918273")
HIDDEN_NAMES: Final = ("vault", "codes", "archive", "wage", "pin", "top_code", "secret", "code")

_SAME: Final = (Path(__file__).parent / "library.sql").read_text(encoding="utf-8")
_MARKED: Final = """
    UPDATE vault SET code = 'qzvault-1'; INSERT INTO vault VALUES ('qzvault-2'), ('qzvault-3');
    UPDATE archive.loans SET secret = 'qzsealed'; INSERT INTO archive.loans VALUES (2, 'qzsealed-2');
    UPDATE members SET pin = 'qzpin' || member_id; UPDATE staff SET wage = 918273 + staff_id / 4;
"""
_OTHER: Final = """
    DELETE FROM vault; DELETE FROM archive.loans; UPDATE members SET pin = NULL; UPDATE staff SET wage = staff_id;
    INSERT INTO vault SELECT 'other' || i FROM range(40) r(i);
"""
_ABSENT: Final = """
    DROP MACRO top_code; DROP MACRO TABLE roles; DROP VIEW codes; DROP VIEW staff_all; DROP TABLE vault;
    DROP SCHEMA archive CASCADE; DROP VIEW staff_roles; DROP VIEW lent_by_branch; DROP SEQUENCE tickets;
    CREATE TABLE m AS SELECT * EXCLUDE (pin) FROM members; DROP TABLE members; ALTER TABLE m RENAME TO members;
    ALTER TABLE staff DROP COLUMN wage;
    CREATE VIEW lent_by_branch AS
      SELECT branch, count(*) AS lent FROM loans JOIN members USING (member_id) GROUP BY branch;
    CREATE VIEW staff_roles AS SELECT name, role FROM staff;
"""
WORLDS: Final[Mapping[str, str]] = {"marked": _MARKED, "other": _OTHER, "absent": _ABSENT}


def make_worlds(folder: Path) -> Mapping[str, Path]:
    """Write the three database files, each called library.duckdb in a folder of its own."""
    made = {}
    for name, differing in WORLDS.items():
        path = folder / name / "library.duckdb"
        path.parent.mkdir(parents=True)
        with duckdb.connect(str(path), config={"threads": 1}) as connection:
            connection.execute("SELECT setseed(0.5)")
            connection.execute(_SAME.replace("wage DECIMAL(8,2)", "wage DECIMAL(12,2)"))
            connection.execute(differing)
        made[name] = path
    return made
