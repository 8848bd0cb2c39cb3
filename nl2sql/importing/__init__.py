"""Data files made into one DuckDB database, with an account of what was read and how.

Each file is read as texts, a type is given to a column only where every value proves it, and what was left out or is
doubtful is told. It asks nothing of the data, and knows no policy.
"""
