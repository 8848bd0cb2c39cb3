"""Chat models, which write the SQL: the ChatModel protocol, the OpenAI client, tool-call protocols, the embedded model.

This room knows chat and no databases. Importing it imports none of the clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ConfigError
from nl2sql.types import Progress

if TYPE_CHECKING:
    from nl2sql.config import Config
    from nl2sql.model.chat import ChatModel

__all__ = ["Progress", "open_chat_model"]


def open_chat_model(
    config: Config, *, on_progress: Progress | None = None, cancel: CancelToken | None = None
) -> ChatModel:
    """Return the model that the settings name: the embedded one, or one behind an OpenAI-compatible endpoint.

    `on_progress(what, done, total)` reports long work: joining the weights (in bytes), starting the server (total 0).
    An endpoint gets its first request with the first question.

    Raises:
        ConfigError: an endpoint is set but no model is named, or `config.model.path` is no GGUF file.
        ModelError: the embedded model cannot start.
        CancelledError: `cancel` was set.
    """
    settings = config.model
    if settings.is_local:
        from nl2sql.model.embedded import open_local_model

        return open_local_model(config.home, model_path=settings.path, on_progress=on_progress, cancel=cancel)
    if settings.name is None:
        raise ConfigError(
            "an endpoint is set, but no model is named", "Name one: -m MODEL, or OPENAI_MODEL; -m local needs none."
        )
    from nl2sql.model.openai.openai_client import ClientOptions, OpenAIChatModel

    return OpenAIChatModel(
        settings.name,
        base_url=settings.base_url,
        api_key=settings.api_key,
        options=ClientOptions(
            protocol=settings.protocol,
            temperature=settings.temperature,
            address_setting=settings.base_url_setting,
        ),
        state_dir=config.home,
    )
