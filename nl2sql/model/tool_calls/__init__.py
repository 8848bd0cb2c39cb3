"""Tool calls in replies: native calls, marks of model families, fences, nearly valid JSON, SQL in prose."""
