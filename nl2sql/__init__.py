"""Ask your data in plain words: `connect` a database, `ask` a question, read rows, a sentence and the SQL.

The public door: everything else is an inner room. Importing it loads no engine, no client and no model.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nl2sql.agent.ask_options import AskOptions
    from nl2sql.answer.cell_text import text_of
    from nl2sql.answer.display import ColumnFormat
    from nl2sql.answer.filter_values import FilterColumn
    from nl2sql.answer.notation import find_notation
    from nl2sql.answer.result_notes import describe_renamed, list_cuts
    from nl2sql.answer.row_digest import list_changes
    from nl2sql.answer.row_figures import PeriodsBefore, compute_change, compute_share
    from nl2sql.answer.row_filter import RowFilter, list_filter_columns, match_value, read_filter
    from nl2sql.assistant import Assistant
    from nl2sql.cancellation import CancelToken
    from nl2sql.charts.chart_wish import ChartWish, read_wish
    from nl2sql.charts.drawing import Chart, draw_chart
    from nl2sql.charts.palette import dress_spec
    from nl2sql.charts.spec_check import check_spec
    from nl2sql.config import Config, load_config
    from nl2sql.config.setting_values import parse_size
    from nl2sql.connection import connect
    from nl2sql.database import Database
    from nl2sql.engines.files.upload_folder import UploadFolder
    from nl2sql.errors import (
        BugError,
        CallError,
        CancelledError,
        ConfigError,
        DatabaseError,
        GuardError,
        LimitError,
        ModelError,
        NL2SQLError,
        QueryError,
        StoreError,
        ToolError,
    )
    from nl2sql.exports.answer_page import render_answer
    from nl2sql.exports.row_formats import export
    from nl2sql.importing.file_rules import FileRules
    from nl2sql.importing.import_account import ColumnAccount, TableAccount
    from nl2sql.model.chat import ChatModel
    from nl2sql.store import (
        ConversationEntry,
        HistoryEntry,
        Parameter,
        Pin,
        ReplayDiff,
        Store,
        VerifiedQueries,
        VerifiedQuery,
        open_store,
    )
    from nl2sql.types import (
        Answer,
        Basis,
        CheckedSQL,
        Clarification,
        Column,
        Confidence,
        Count,
        ErrorInfo,
        Event,
        EventKind,
        Grounding,
        Limits,
        Policy,
        Receipt,
        Repair,
        RepairKind,
        Result,
        ResultColumn,
        Schema,
        Status,
        Step,
        Table,
        Upload,
        Usage,
        Verdict,
        make_unique_names,
    )

__version__: Final = "0.1.0"

__all__ = [
    "Answer",
    "AskOptions",
    "Assistant",
    "Basis",
    "BugError",
    "CallError",
    "CancelToken",
    "CancelledError",
    "Chart",
    "ChartWish",
    "ChatModel",
    "CheckedSQL",
    "Clarification",
    "Column",
    "ColumnAccount",
    "ColumnFormat",
    "Confidence",
    "Config",
    "ConfigError",
    "ConversationEntry",
    "Count",
    "Database",
    "DatabaseError",
    "ErrorInfo",
    "Event",
    "EventKind",
    "FileRules",
    "FilterColumn",
    "Grounding",
    "GuardError",
    "HistoryEntry",
    "LimitError",
    "Limits",
    "ModelError",
    "NL2SQLError",
    "Parameter",
    "PeriodsBefore",
    "Pin",
    "Policy",
    "QueryError",
    "Receipt",
    "Repair",
    "RepairKind",
    "ReplayDiff",
    "Result",
    "ResultColumn",
    "RowFilter",
    "Schema",
    "Status",
    "Step",
    "Store",
    "StoreError",
    "Table",
    "TableAccount",
    "ToolError",
    "Upload",
    "UploadFolder",
    "Usage",
    "Verdict",
    "VerifiedQueries",
    "VerifiedQuery",
    "check_spec",
    "compute_change",
    "compute_share",
    "connect",
    "describe_renamed",
    "draw_chart",
    "dress_spec",
    "export",
    "find_notation",
    "list_changes",
    "list_cuts",
    "list_filter_columns",
    "load_config",
    "make_unique_names",
    "match_value",
    "open_store",
    "parse_size",
    "read_filter",
    "read_wish",
    "render_answer",
    "text_of",
]

_HOMES: Final = {
    "AskOptions": "agent.ask_options",
    "Assistant": "assistant",
    "CancelToken": "cancellation",
    "ColumnFormat": "answer.display",
    "Chart": "charts.drawing",
    "ChartWish": "charts.chart_wish",
    "ChatModel": "model.chat",
    "ColumnAccount": "importing.import_account",
    "ReplayDiff": "store",
    "Config": "config",
    "ConversationEntry": "store",
    "Database": "database",
    "FileRules": "importing.file_rules",
    "HistoryEntry": "store",
    "Parameter": "store",
    "Pin": "store",
    "Store": "store",
    "TableAccount": "importing.import_account",
    "UploadFolder": "engines.files.upload_folder",
    "VerifiedQueries": "store",
    "VerifiedQuery": "store",
    "check_spec": "charts.spec_check",
    "connect": "connection",
    "describe_renamed": "answer.result_notes",
    "draw_chart": "charts.drawing",
    "dress_spec": "charts.palette",
    "export": "exports.row_formats",
    "find_notation": "answer.notation",
    "list_changes": "answer.row_digest",
    "list_cuts": "answer.result_notes",
    "load_config": "config",
    "open_store": "store",
    "parse_size": "config.setting_values",
    "render_answer": "exports.answer_page",
    "read_wish": "charts.chart_wish",
    "text_of": "answer.cell_text",
    "FilterColumn": "answer.filter_values",
    "PeriodsBefore": "answer.row_figures",
    "RowFilter": "answer.row_filter",
    "compute_change": "answer.row_figures",
    "compute_share": "answer.row_figures",
    "list_filter_columns": "answer.row_filter",
    "match_value": "answer.row_filter",
    "read_filter": "answer.row_filter",
}


def __getattr__(name: str) -> Any:
    """Load a public name's room when it is first used, so that importing nl2sql stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'nl2sql' has no attribute {name!r}")
    home = _HOMES.get(name) or ("errors" if name.endswith("Error") else "types")
    value = getattr(importlib.import_module(f"nl2sql.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
