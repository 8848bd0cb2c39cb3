"""What is read: digest for the model, grounding, reading of the SQL, confidence, sentences, export formats.

It is pure: values in, values out.
"""
