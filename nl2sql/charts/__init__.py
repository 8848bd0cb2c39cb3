"""The chart of a result: chosen by what the query and its rows say, written as a Vega-Lite spec, and checked.

`query_shape` reads the SQL, `column_roles` says what each column can be, `chart_rules` chooses the chart,
`plan_changes` changes it as a person wishes, `vega_lite` writes the spec, and `spec_check` refuses any spec that was
not made here. Nothing here draws, runs a query, or asks a model.
"""
