"""A chat model behind any OpenAI-compatible endpoint: client, transport, and what each endpoint takes."""
