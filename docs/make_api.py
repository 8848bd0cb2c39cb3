"""Writes docs/api.md from the docstrings of what `nl2sql/__init__.py` exports: `python docs/make_api.py [--check]`.

It reads source and docstrings only: the same tree gives the same text.
"""

from __future__ import annotations

import ast
import enum
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import nl2sql

PAGE: Final = Path(__file__).with_name("api.md")
_HEAD: Final = """\
# The Python API

What `nl2sql/__init__.py` exports, made from its docstrings by `python docs/make_api.py`: change those, not this page.
All else is an inner room and may change at any time. What goes wrong on purpose is an `NL2SQLError`.
"""
_KINDS: Final = ("Functions", "Classes", "Errors")

Definition = ast.ClassDef | ast.FunctionDef


def write_page() -> str:
    """Return the whole page."""
    sections: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for name in nl2sql.__all__:
        sections[_find_kind(getattr(nl2sql, name))].append(name)
    parts = [_HEAD]
    for kind, names in sections.items():
        parts.append(f"## {kind}\n")
        parts += [_describe(name) for name in names]
    return "\n".join(parts)


def list_undocumented() -> list[str]:
    """Return the exports, and their public members, that have no docstring."""
    missing = []
    for name in nl2sql.__all__:
        definition = _parse(getattr(nl2sql, name))
        if not ast.get_docstring(definition):
            missing.append(name)
        elif isinstance(definition, ast.ClassDef):
            members = _list_members(getattr(nl2sql, name))
            missing += [f"{name}.{one.name}" for one in members if not ast.get_docstring(one)]
    return missing


def _find_kind(value: object) -> str:
    if not isinstance(value, type):
        return "Functions"
    return "Errors" if issubclass(value, BaseException) else "Classes"


def _parse(value: Any) -> Definition:
    """Return the definition of a class or function, as its module has it."""
    source = textwrap.dedent(inspect.getsource(value))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.ClassDef | ast.FunctionDef), value
    return definition


def _describe(name: str) -> str:
    value = getattr(nl2sql, name)
    definition = _parse(value)
    if isinstance(definition, ast.FunctionDef):
        return f"### {name}\n\n```python\n{_write_signature(definition)}\n```\n\n{_read_docstring(definition)}\n"
    lines = [f"### {name}\n\n{_read_docstring(definition)}\n"]
    if issubclass(value, BaseException):
        lines.append(f"`code` {value.code!r}, exit code {value.exit_code}, a `{value.__base__.__name__}`.\n")
    if issubclass(value, enum.Enum):
        lines.append("Values: " + ", ".join(f"`{member.name}`" for member in value) + ".\n")
    elif fields := [*_list_fields(definition)]:
        lines.append("```python\n" + "\n".join(fields) + "\n```\n")
    for member in _list_members(value):
        lines.append(f"#### {name}.{member.name}\n\n```python\n{_write_signature(member)}\n```\n")
        lines.append(f"{_read_docstring(member)}\n")
    return "\n".join(lines)


def _list_members(value: type) -> Iterator[ast.FunctionDef]:
    """Give the public methods and properties of a class, and those that it has from bases that are not exported."""
    seen: set[str] = set()
    for base in value.__mro__:
        is_own = base is value or (base.__module__.startswith("nl2sql.") and base.__name__ not in nl2sql.__all__)
        definition = _parse(base) if is_own else None
        for one in definition.body if isinstance(definition, ast.ClassDef) else ():
            if isinstance(one, ast.FunctionDef) and not one.name.startswith("_") and one.name not in seen:
                seen.add(one.name)
                yield one


def _list_fields(definition: ast.ClassDef) -> Iterator[str]:
    for one in definition.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and not one.target.id.startswith("_"):
            yield _unparse(one)


def _write_signature(definition: ast.FunctionDef) -> str:
    if any(isinstance(mark, ast.Name) and "property" in mark.id for mark in definition.decorator_list):
        returned = _unparse(definition.returns) if definition.returns else "Any"
        return f"{definition.name}: {returned}"
    returned = f" -> {_unparse(definition.returns)}" if definition.returns else ""
    arguments = [*_list_arguments(definition.args)]
    short = f"{definition.name}({', '.join(arguments)}){returned}"
    if len(short) <= 100:
        return short
    lines = "".join(f"    {argument},\n" for argument in arguments)
    return f"{definition.name}(\n{lines}){returned}"


def _list_arguments(arguments: ast.arguments) -> Iterator[str]:
    """Give each argument as it is written, with its default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + [*arguments.defaults]
    for one, default in zip(plain, defaults, strict=True):
        if one.arg not in ("self", "cls"):
            yield _write_argument(one, default)
    if arguments.vararg or arguments.kwonlyargs:
        yield f"*{_unparse(arguments.vararg) if arguments.vararg else ''}"
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _write_argument(one, default)
    if arguments.kwarg:
        yield f"**{_unparse(arguments.kwarg)}"


def _write_argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = _unparse(argument)
    return f"{text} = {_unparse(default)}" if default is not None else text


def _unparse(node: ast.AST) -> str:
    """Return the node's source with double quotes, which Python's releases choose differently."""
    text = ast.unparse(node)
    return text if '"' in text and "'" in text else text.replace("'", '"')


def _read_docstring(definition: Definition) -> str:
    """Return the docstring as Markdown: examples and lists of errors keep their lines."""
    blocks = (ast.get_docstring(definition) or "").split("\n\n")
    return "\n\n".join(_write_block(block) for block in blocks)


def _write_block(block: str) -> str:
    head, _, rest = block.partition("\n")
    if head in ("Raises:", "Returns:", "Args:", "Yields:"):
        return f"{head}\n\n" + "\n".join(f"- {line.strip()}" for line in rest.splitlines())
    return f"```python\n{block}\n```" if head.startswith(">>>") else block


def main() -> int:
    """Write the page; with --check, say only whether it is up to date."""
    if missing := list_undocumented():
        sys.stderr.write(f"no docstring: {', '.join(missing)}\n")
        return 1
    text = write_page()
    if "--check" not in sys.argv:
        PAGE.write_text(text, "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != text:
        sys.stderr.write("docs/api.md is out of date: run python docs/make_api.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
