"""Every setting: where it may stand, what it may be, who is trusted to say it, and one frozen Config of them all."""

from __future__ import annotations

from nl2sql.config.configuration import (
    LOCAL_MODEL,
    Config,
    ContextSettings,
    DisplaySettings,
    ModelSettings,
    PageSettings,
    show_address,
)
from nl2sql.config.loading import (
    PROJECT_FILE,
    QUERY_BYTES,
    QUERY_FOLDER,
    add_dbt,
    find_home,
    find_project_file,
    find_waiting_settings,
    load_config,
    read_settings_file,
)
from nl2sql.config.settings_table import KEY_VARIABLE

__all__ = [
    "KEY_VARIABLE",
    "LOCAL_MODEL",
    "PROJECT_FILE",
    "QUERY_BYTES",
    "QUERY_FOLDER",
    "Config",
    "ContextSettings",
    "DisplaySettings",
    "ModelSettings",
    "PageSettings",
    "add_dbt",
    "find_home",
    "find_project_file",
    "find_waiting_settings",
    "load_config",
    "read_settings_file",
    "show_address",
]
