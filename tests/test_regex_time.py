"""Every regular expression of the package and of the page takes time in proportion to the text, whatever the text.

The patterns are found in the source, and tried in the ways in which it uses them. The texts are made of each pattern's
own parts: examples of it and their beginnings, repeated; and what may be repeated in it, many times over.
"""

from __future__ import annotations

import ast
import importlib
import math
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final

import pytest

import nl2sql

ROOT: Final = Path(nl2sql.__file__).parent.parent
USES: Final = ("match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
SCREENED_CHARS: Final = 10_000
SCREENED_SECONDS: Final = 0.002
GROWN_CHARS: Final = (10_000, 40_000)
FLOOR_SECONDS: Final = 0.02
HANG_SECONDS: Final = 0.5
EXAMPLES: Final = 3
PUMPS: Final = 24
MOST_PREFIXES: Final = 40
MOST_SHAPES: Final = 120
# What stands for a name of which the source alone does not know the value.
SAMPLE_NAME: Final = "max_tokens"


@dataclass(frozen=True)
class Found:
    """A pattern in the source: where it stands, and the methods by which it is used."""

    place: str
    pattern: str
    flags: int
    uses: frozenset[str]


class _Names(dict[str, Any]):
    """A function's own names: each is a sample, and so is whatever is asked of it."""

    def __missing__(self, name: str) -> str:
        return SAMPLE_NAME


def patterns() -> Iterator[Found]:
    for folder in ("nl2sql", "ui"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            if any(isinstance(node, ast.Import) and any(a.name == "re" for a in node.names) for node in ast.walk(tree)):
                yield from _of_module(path, tree)


def _of_module(path: Path, tree: ast.Module) -> Iterator[Found]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(parts))
    uses = _uses(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_of_re(node.func) and node.args:
            assert isinstance(node.func, ast.Attribute)
            if node.func.attr not in ("compile", *USES):
                continue
            pattern, flags = _evaluated(node, module.__dict__)
            place = f"{'/'.join(parts)}.py:{node.lineno}"
            if node.func.attr == "compile":
                name = next((n for n, line in _assigned(tree) if line == node.lineno), "")
                # A pattern that is handed on may be used in each way in which the module uses any that it was handed.
                yield Found(
                    place, pattern, flags, uses.get(name) or uses.get("") or frozenset({"match", "search", "sub"})
                )
            elif node.func.attr in USES:
                yield Found(place, pattern, flags, frozenset({node.func.attr}))


def _is_of_re(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "re"


def _assigned(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The names that the module gives to patterns, and the lines on which these stand."""
    for node in tree.body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        value = node.value if isinstance(node, ast.AnnAssign | ast.Assign) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Call) and _is_of_re(value.func):
            yield target.id, value.lineno


def _uses(tree: ast.Module) -> dict[str, frozenset[str]]:
    """By which methods each of these names is used, or what a table of that name holds; under no name all others."""
    known = {name for name, _ in _assigned(tree)} | {"re"}
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in USES:
            owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            name = owner.id if isinstance(owner, ast.Name) else ""
            table = name if isinstance(node.value, ast.Subscript) else ""
            found.setdefault(name if name in known or table else "", set()).add(node.attr)
    return {name: frozenset(used) for name, used in found.items()}


def _evaluated(call: ast.Call, names: Mapping[str, Any]) -> tuple[str, int]:
    """The pattern and its flags; what only a run knows is a sample."""
    flags = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    place = {"compile": 1, "match": 2, "fullmatch": 2, "search": 2, "findall": 2, "finditer": 2, "split": 3}.get(
        method, 4
    )
    flags += call.args[place : place + 1]
    given = _Names({**_builtins(), **names})
    pattern = eval(compile(ast.Expression(call.args[0]), "pattern", "eval"), given)  # noqa: S307
    flag = eval(compile(ast.Expression(flags[0]), "flags", "eval"), given) if flags else 0  # noqa: S307
    if isinstance(pattern, bytes):
        return pattern.decode("latin-1"), int(flag) | re.ASCII
    return str(pattern), int(flag)


def _builtins() -> dict[str, Any]:
    import builtins

    return {name: getattr(builtins, name) for name in ("sorted", "map", "len", "str", "set", "dict", "list")}


_SIGNS: Final = "a0 \n_-.,;:'\"`(){}[]<>/\\|=*é"


def examples(pattern: str, flags: int, chance: Random) -> str:
    """A text that the pattern matches, or nearly does."""
    return "".join(_written(_tree(pattern, flags), chance, {0: _own_signs(pattern)}))


def pumps(pattern: str, flags: int, chance: Random) -> Iterator[tuple[str, str]]:
    """For each part that may be repeated: what stands before it, and the part."""
    yield from _pumps(_tree(pattern, flags), "", chance, {0: _own_signs(pattern)})


def _own_signs(pattern: str) -> str:
    """The signs that a pattern speaks of itself: what it repeats is most often made of them."""
    return "".join(sorted(set(pattern) - set("?P*+|()[]^$.:Z")))


def _signs(groups: Mapping[int, str]) -> str:
    return _SIGNS + 8 * groups.get(0, "")


def _tree(pattern: str, flags: int) -> Any:
    parser: Any = importlib.import_module("re._parser")
    return parser.parse(pattern, flags)


def _written(items: Any, chance: Random, groups: dict[int, str]) -> Iterator[str]:
    for operation, value in items:
        kind = str(operation)
        if kind == "LITERAL":
            yield chr(value)
        elif kind == "NOT_LITERAL":
            yield chance.choice([sign for sign in _signs(groups) if ord(sign) != value])
        elif kind == "ANY":
            yield chance.choice(_signs(groups))
        elif kind == "IN":
            yield _one_of(value, _signs(groups), chance)
        elif kind == "BRANCH":
            yield from _written(chance.choice(value[1]), chance, groups)
        elif kind == "SUBPATTERN":
            text = "".join(_written(value[3], chance, groups))
            groups[value[0]] = text
            yield text
        elif kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = value
            for _ in range(chance.randint(least, min(most, least + 2))):
                yield from _written(inner, chance, groups)
        elif kind == "ATOMIC_GROUP":
            yield from _written(value, chance, groups)
        elif kind == "GROUPREF":
            yield groups.get(value, "")
        elif kind == "ASSERT" and value[0] > 0:
            # What a pattern looks ahead to may well follow.
            yield from _written(value[1], chance, groups)


def _one_of(choices: Any, signs: str, chance: Random) -> str:
    if any(str(operation) == "NEGATE" for operation, _ in choices):
        matching = re.compile(_class(choices))
        return chance.choice([sign for sign in signs if matching.match(sign)] or ["a"])
    operation, value = chance.choice(list(choices))
    kind = str(operation)
    if kind == "LITERAL":
        return chr(value)
    if kind == "RANGE":
        return chr(chance.choice(value))
    names = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
    return names.get(str(value), "-")


def _class(choices: Any) -> str:
    parts = []
    for operation, value in choices:
        kind = str(operation)
        if kind == "LITERAL":
            parts.append(re.escape(chr(value)))
        elif kind == "RANGE":
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        elif kind == "CATEGORY":
            name = str(value).removeprefix("CATEGORY_")
            letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[name.removeprefix("NOT_")]
            parts.append("\\" + (letter.upper() if name.startswith("NOT_") else letter))
    return f"[^{''.join(parts)}]"


def _pumps(items: Any, before: str, chance: Random, groups: dict[int, str]) -> Iterator[tuple[str, str]]:
    for operation, value in items:
        kind = str(operation)
        if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            if value[1] > 3:
                for _ in range(PUMPS):
                    yield before, "".join(_written(value[2], chance, groups))
            yield from _pumps(value[2], before, chance, groups)
        elif kind == "BRANCH":
            for branch in value[1]:
                yield from _pumps(branch, before, chance, groups)
        elif kind == "SUBPATTERN":
            yield from _pumps(value[3], before, chance, groups)
        elif kind == "ATOMIC_GROUP":
            yield from _pumps(value, before, chance, groups)
        elif kind in ("ASSERT", "ASSERT_NOT"):
            yield from _pumps(value[1], before, chance, groups)
        before += "".join(_written([(operation, value)], chance, groups))


def shapes(found: Found, chance: Random) -> Iterator[Callable[[int], str]]:
    """Texts that can be made any length."""
    parts: set[tuple[str, str, str]] = set()
    for _ in range(EXAMPLES):
        example = examples(found.pattern, found.flags, chance)[:200]
        cuts = range(1, len(example) + 1)
        for cut in cuts if len(cuts) <= MOST_PREFIXES else sorted(chance.sample(cuts, MOST_PREFIXES)):
            parts |= {("", example[:cut], ""), (example[:cut], example[cut - 1], "!"), (example[:cut], " ", "!")}
    repeated = list(dict.fromkeys(pumps(found.pattern, found.flags, chance)))
    for before, part in repeated:
        for last in ("", "!", "\\"):
            parts |= {(before, part, last), ("", part, last), ("", before + part, last)}
    for _ in range(20 if len(repeated) > 1 else 0):
        (before, part), (_, other) = chance.sample(repeated, 2)
        parts.add((before, part + other, "!"))
    for first, part, last in chance.sample(sorted(parts), min(len(parts), MOST_SHAPES)):
        if part:
            yield partial(_grown, first, part, last)


def _grown(first: str, part: str, last: str, size: int) -> str:
    return first + part * max(1, size // len(part)) + last


def uses(found: Found) -> Iterator[Callable[[str], object]]:
    compiled = re.compile(found.pattern, found.flags)
    for use in sorted(found.uses):
        if use in ("sub", "subn"):
            yield lambda text: compiled.sub("", text)
        elif use in ("split", "findall"):
            yield lambda text: compiled.findall(text)
        elif use == "finditer":
            yield lambda text: sum(1 for _ in compiled.finditer(text))
        else:
            yield getattr(compiled, use)


class HangError(Exception):
    """It did not come to its end."""


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError


def seconds(use: Callable[[str], object], text: str) -> float:
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    start = time.process_time()
    try:
        use(text)
    except HangError:
        return math.inf
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - start


def grows_too_fast(use: Callable[[str], object], shape: Callable[[int], str]) -> bool:
    """Whether four times the text takes more than eight times as long: more than n log n, less than n²."""
    screened = seconds(use, shape(SCREENED_CHARS))
    if screened < SCREENED_SECONDS or math.isinf(screened):
        return math.isinf(screened)
    for times in (1, 2, 3):
        first, last = [min(seconds(use, shape(size)) for _ in range(times)) for size in GROWN_CHARS]
        if math.isinf(last):
            return True
        if last <= max(FLOOR_SECONDS, 8 * first):
            return False
    return True


def objection(found: Found, seed: int = 1) -> str:
    """A text over which the pattern takes too long, shortened; empty where there is none."""
    before = signal.signal(signal.SIGVTALRM, _hang)
    try:
        for shape in shapes(found, Random(f"{seed}:{found.pattern}")):
            if any(grows_too_fast(use, shape) for use in uses(found)):
                return repr(shape(60))
        return ""
    finally:
        signal.signal(signal.SIGVTALRM, before)


FOUND: Final = list(patterns())


def test_the_patterns_are_found() -> None:
    assert len(FOUND) > 100
    assert {found.place.split("/")[1] for found in FOUND} >= {"model", "guard", "engines", "repair", "answer", "schema"}


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.place)
def test_a_pattern_takes_time_in_proportion(found: Found) -> None:
    assert objection(found) == ""


@pytest.mark.parametrize(
    ("pattern", "use"),
    [
        (r"(?:\s*(?:ab|json)\s*)*\s*(?=[\[{])", "match"),
        (r"<parameter=[\"']?[^\"'>]+[\"']?[^>]*>", "search"),
        (r"(?:\s+|--[^\n]*|\()*([A-Za-z_]+)", "match"),
        (r"<a>(.*?)</a>\s*<b>", "finditer"),
        (r"\w+:", "sub"),
        (r"(.*?)\s*```\s*\Z", "match"),
        (r'"(?:[^"\\]|\\.)*+(?:"|\Z)', "finditer"),
        (r'(?s)(Could not parse string ").*\n *\^\nError: ', "sub"),
        (r"\s+x", "search"),
    ],
)
def test_a_slow_pattern_is_objected_to(pattern: str, use: str) -> None:
    assert objection(Found("here", pattern, 0, frozenset({use})))
