"""Worker processes: how one is started, fenced, spoken to, timed and ended, and how calls take turns at several.

It knows no database and imports no other subpackage of `engines`.
"""
