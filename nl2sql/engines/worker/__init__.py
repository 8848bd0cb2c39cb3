"""The worker process: how it is started, fenced, spoken to, timed and ended. It knows no SQL."""
