"""DuckDB as an engine: the parent's side, the worker that opens, judges and runs, and what is DuckDB's own in SQL.

It stands on `engines.worker` and `engines.files`, which know nothing of it. Only `worker_main`, and what that imports
in the child process, loads DuckDB itself.
"""

from typing import Final

# The module whose `main` is the worker's, for `child_process`.
WORKER: Final = "nl2sql.engines.duckdb.worker_main"
