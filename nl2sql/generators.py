"""The value that a generator returns, which a `for` loop does not give."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Generic, TypeVar

_Item = TypeVar("_Item")
_Returned = TypeVar("_Returned")


class ReturnCapture(Generic[_Item, _Returned]):
    """Iterates over the generator, once; `value` is what it returned, and is there when the loop has ended by itself.

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
    """Run the generator to its end and return what it returns, without what it yields."""
    captured = ReturnCapture(generator)
    for _ in captured:
        pass
    return captured.value
