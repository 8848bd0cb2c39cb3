"""Runs the command line: `python -m nl2sql`."""

from nl2sql.cli import main

main()
