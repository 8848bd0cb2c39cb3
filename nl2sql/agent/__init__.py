"""Has SQL written by a model: the loop, the tools, the prompts.

It knows models and databases only through their protocols.
"""
