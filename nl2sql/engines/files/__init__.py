"""Where the data lies: database files, data files that are imported once, and files that users add."""
