"""What is believed of an answer: grounding, confidence, traps, the explanation of the SQL, display of values.

Pure: values in, values out. It calls no model and runs no query; where a query is needed, the caller runs it.
"""
