"""The settings that the page was started with: those of the files and the environment, and the flags on top.

It opens nothing. The key stays in the environment: it is not among the arguments.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nl2sql import Config, load_config


def settings() -> Config:
    """The settings in force. ConfigError."""
    parser = argparse.ArgumentParser(add_help=False)
    for name in ("--db", "--model", "--memory"):
        parser.add_argument(name)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--timeout", type=float)
    given, _ = parser.parse_known_args(sys.argv[1:])
    config = load_config(given.config, url=given.db, model=given.model)
    return config.limited(given.limit, given.timeout, given.memory)
