"""How an answer leaves: rows as files and text, the answer as JSON and as a page of its own.

Nothing here runs SQL or decides what an answer says.
"""
