"""How good it is: questions with gold SQL, a scorer, a runner, reports.

It measures what the assistant answers and changes nothing of it. Gold SQL goes to the scorer alone.
"""
