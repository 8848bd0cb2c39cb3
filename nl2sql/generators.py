"""The value that a generator returns, which a `for` loop discards."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Generic, TypeVar

_Item = TypeVar("_Item")
_Returned = TypeVar("_Returned")


class ReturnCapture(Generic[_Item, _Returned]):
    """An iterator over a generator, once. `value` is what it returned, and is set when the loop has run to its end.

    >>> def count(): yield 1; yield 2; return "done"
    >>> captured = ReturnCapture(count())
    >>> list(captured), captured.value
    ([1, 2], 'done')
    """

    value: _Returned

    def __init__(self, generator: Generator[_Item, None, _Returned]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[_Item]:
        self.value = yield from self._generator


def drain(generator: Generator[Any, None, _Returned]) -> _Returned:
    """Run the generator to its end and return its value; discard what it yields."""
    captured = ReturnCapture(generator)
    for _ in captured:
        pass
    return captured.value
