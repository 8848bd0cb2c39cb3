"""How an answer leaves the program: rows as files and text, the answer as JSON and as an HTML page.

Nothing here runs SQL or decides what an answer says.
"""
