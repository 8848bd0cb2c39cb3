"""Add parentheses to a syntax tree where its text would otherwise be read another way.

The precedence is that of DuckDB's parser. It changes no other part of a tree.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

_OR, _AND, _NOT, _IS, _COMPARED, _MEMBER, _OTHER, _SUM, _PRODUCT, _POWER, _SIGN, _PLACE = range(1, 13)
_STRENGTH: Final[tuple[tuple[tuple[type[exp.Expr], ...], int], ...]] = (
    ((exp.Or,), _OR),
    ((exp.And,), _AND),
    ((exp.Not,), _NOT),
    ((exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ), _IS),
    ((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _COMPARED),
    ((exp.In, exp.Between, exp.Like, exp.ILike, exp.Glob), _MEMBER),
    ((exp.Add, exp.Sub), _SUM),
    ((exp.Mul, exp.Div, exp.IntDiv, exp.Mod), _PRODUCT),
    ((exp.Pow,), _POWER),
    ((exp.Neg,), _SIGN),
    ((exp.Binary, exp.Unary), _OTHER),
    ((exp.Collate, exp.Bracket, exp.Dot), _PLACE),
)
"""How strongly each kind of operator binds, weakest first; `exp.Binary` stands for those that are not named."""
_SELF_CONTAINED: Final = (exp.Paren, exp.Subquery, exp.Column, exp.Dot, exp.Literal, exp.Exists)


def _find_strength(node: exp.Expr | None) -> int:
    if isinstance(node, _SELF_CONTAINED):
        return _PLACE + 1
    return next((strength for kinds, strength in _STRENGTH if isinstance(node, kinds)), _PLACE + 1)


def add_parentheses(root: exp.Expr) -> None:
    """Add parentheses where the text could be read in another way, and around AND within OR."""
    for node in list(root.walk()):
        parent = node.parent
        if parent is None or not _is_operator(parent) or not _is_operator(node):
            continue
        strength, outer_strength = _find_strength(node), _find_strength(parent)
        is_right = node.arg_key not in ("this", "expressions") or isinstance(parent, exp.Not | exp.Neg)
        if isinstance(parent, exp.In | exp.Between | exp.Bracket) and node.arg_key == "expressions":
            continue
        if isinstance(parent, exp.Not) and not isinstance(node, exp.Exists | exp.In | exp.Between | exp.Is):
            needed = strength <= _MEMBER
        elif isinstance(parent, exp.Not):
            needed = False
        elif (isinstance(parent, exp.Or) and isinstance(node, exp.And)) or (
            outer_strength == _IS and strength == _COMPARED
        ):
            needed = True
        elif strength == outer_strength and isinstance(parent, exp.And | exp.Or) and type(node) is type(parent):
            needed = False
        elif strength == outer_strength:
            needed = is_right or _COMPARED >= strength >= _IS or strength in (_MEMBER, _OTHER, _POWER)
        else:
            needed = strength < outer_strength
        if needed:
            node.replace(exp.Paren(this=node.copy()))


def _is_operator(node: exp.Expr) -> bool:
    """Return whether the node is an operator."""
    return any(isinstance(node, kinds) for kinds, _ in _STRENGTH)
