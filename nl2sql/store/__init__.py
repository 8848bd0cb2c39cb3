"""What is remembered: answers, sessions and feedback in one SQLite file; verified queries as files.

It asks no model and opens no database but its own.
"""

from nl2sql.store.conversation_list import ConversationEntry
from nl2sql.store.history_entry import HistoryEntry, Turn, entry_object
from nl2sql.store.pins import Pin
from nl2sql.store.query_parameters import Parameter
from nl2sql.store.replay_diff import Changes
from nl2sql.store.sessions import Conversations
from nl2sql.store.store import Store, open_store
from nl2sql.store.verified_queries import VerifiedQueries, VerifiedQuery, query_object

__all__ = [
    "Changes",
    "ConversationEntry",
    "Conversations",
    "HistoryEntry",
    "Parameter",
    "Pin",
    "Store",
    "Turn",
    "VerifiedQueries",
    "VerifiedQuery",
    "entry_object",
    "open_store",
    "query_object",
]
