"""DuckDB as an engine: its session in the worker, its catalogue, its errors, and results on their way out."""
