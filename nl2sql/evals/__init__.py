"""Measure how good answers are: questions with gold SQL, a scorer, a runner, reports.

It measures what the assistant answers and does not change it. Only the scorer sees gold SQL.
"""
