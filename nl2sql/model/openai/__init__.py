"""A chat model behind any OpenAI-compatible endpoint: the client, its transport, and what each endpoint accepts."""
