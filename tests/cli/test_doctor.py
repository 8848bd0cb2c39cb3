"""What `nl2sql doctor` says of what it found."""

from __future__ import annotations

from nl2sql.cli.doctor import describe_limits


def test_limits_that_no_engine_has_are_not_called_enforced() -> None:
    none, some, every = (describe_limits(missing) for missing in (None, ["memory"], []))
    assert (none.state, some.state, every.state) == ("partly", "partly", "ok")
    assert "no limits" in none.detail and "memory" in some.detail and "SECURITY.md" in none.hint
