"""How the SQL is written: the loop, the tools, the prompts.

It knows models and databases only through their protocols.
"""
