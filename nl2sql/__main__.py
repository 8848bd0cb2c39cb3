"""Runs the command line: `python -m nl2sql`. In a folder of somebody else's, say `nl2sql` or `python -P -m nl2sql`."""

import os
import sys

import nl2sql

# `-m` has Python look for code in the working folder first. It is not needed, unless this package itself lies there.
if not sys.flags.safe_path and nl2sql.__path__[0] != f"{sys.path[0]}{os.sep}nl2sql":
    del sys.path[0]

from nl2sql.cli import main

main()
