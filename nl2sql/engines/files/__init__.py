"""Where the data lies: database files, data files that are imported once, and files that users add.

It stands on `engines.worker` alone. The importer's process, `file_importer`, writes DuckDB files and loads DuckDB; no
other module here does.
"""
