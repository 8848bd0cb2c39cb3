"""docs/api.md is what the docstrings of the exported names say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_api_page_is_up_to_date_and_every_export_has_a_docstring() -> None:
    script = [sys.executable, str(ROOT / "docs" / "make_api.py"), "--check"]
    ran = subprocess.run(script, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
