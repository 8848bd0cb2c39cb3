"""The chart of a result: chosen by what the query says and its rows show, written as a Vega-Lite spec, and checked.

`query_shape` reads the SQL, `column_roles` says what each column can be, `choosing` holds the rules, `vega_lite` writes
the spec, `spec_check` is the wall around it. Nothing here draws, runs a query, or asks a model.
"""
