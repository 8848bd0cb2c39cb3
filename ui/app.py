"""The script that Streamlit runs: it makes the page's package importable and draws the page.

It holds nothing: Streamlit runs this file anew for every click.
"""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from ui.page import show  # noqa: E402 - the package is found only now

show()
