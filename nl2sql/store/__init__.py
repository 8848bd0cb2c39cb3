"""What is remembered: answers, conversations and feedback in one SQLite file; verified queries as files.

A *turn* is one question and its answer, a *session* is the id that connects turns, and a *conversation* is what a
person sees of a session: its turns under a title. The store calls no model and opens no database but its own.
"""

from nl2sql.store.conversation_list import ConversationEntry
from nl2sql.store.history_entry import HistoryEntry, Turn, make_entry_object
from nl2sql.store.pins import Pin
from nl2sql.store.query_parameters import Parameter
from nl2sql.store.replay_diff import ReplayDiff
from nl2sql.store.sessions import SessionTurns
from nl2sql.store.store import Store, open_store
from nl2sql.store.verified_queries import VerifiedQueries, VerifiedQuery, make_query_object

__all__ = [
    "ConversationEntry",
    "HistoryEntry",
    "Parameter",
    "Pin",
    "ReplayDiff",
    "SessionTurns",
    "Store",
    "Turn",
    "VerifiedQueries",
    "VerifiedQuery",
    "make_entry_object",
    "make_query_object",
    "open_store",
]
