"""Read data files into one DuckDB database, with an account of what was read and how.

Each file is read as text. A column gets another type only where every value proves it, and the account says what was
left out or is doubtful. Nothing here answers questions, and no policy is known.
"""
