"""Reads the calls that models write: native ones, and those in text, marks, loose JSON or bare SQL."""
