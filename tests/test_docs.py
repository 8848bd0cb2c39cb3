"""The pages for developers name files that are there, and the lines that CI runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs" / "architecture.md",
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]
# Of the examples in the texts.
EXAMPLES = {"cli/NAME.py", "tests/model/cases/FAMILY.json"}
# Described before they are in the tree; a name leaves this list with the file's arrival.
EXPECTED = {
    "agent/question_run.py",
    "config/settings_table.py",
    "docs/configuration.md",
    "tests/engines/test_engine_contract.py",
    "text_safety.py",
}


def find_file(name: str, page: Path) -> bool:
    """Whether a file or folder of that name is in the tree: from its root, in the package, or beside the page."""
    places = (ROOT, ROOT / "nl2sql", ROOT / "nl2sql" / "model" / "openai", page.parent)
    return any((place / name).exists() for place in places) or any((ROOT / "tests").rglob(name))


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"`([\w./-]+\.(?:py|js|sql|json|toml|md))`", page.read_text("utf-8"))
    assert [name for name in named if name not in EXAMPLES | EXPECTED and not find_file(name, page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pre_commit_runs_the_lines_that_the_readme_has() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert len(hooks) == 3 and all(hook in readme for hook in hooks)
