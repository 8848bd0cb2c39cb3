"""The fuzzer of what reads replies, for some texts of one seed, and that it sees what is slow, hangs or fails."""

from __future__ import annotations

import re
import time
from random import Random

import pytest

from nl2sql.model.openai.reply_builder import MAX_REPLY_CHARS
from tests.model import fuzz_replies
from tests.model.fuzz_replies import READERS, Shape, make_shape, run

pytestmark = pytest.mark.alone

SEED = 2026
CASES = 160


def test_every_reply_is_read_in_time() -> None:
    tally = run(SEED, iter(range(CASES)), lambda: True, lambda tally: None)
    assert [str(finding) for finding in tally.findings] == []
    assert tally.cases == CASES


@pytest.mark.parametrize("reader", READERS)
def test_time_grows_with_the_length_of_a_reply(reader: str) -> None:
    # Against its own time at an eighth of the length, as how fast the machine is changes from minute to minute.
    for number in range(3):
        shape = make_shape(Random(f"longest {number}"))
        for _ in range(3):
            short, long = (
                _time_reading(reader, shape.text(chars)) for chars in (MAX_REPLY_CHARS // 8, MAX_REPLY_CHARS)
            )
            if long < max(24 * short, 0.1):
                break
        else:
            pytest.fail(f"{short:.3f} s at an eighth, {long:.3f} s at the whole length: {shape}")


def _time_reading(reader: str, text: str) -> float:
    start = time.process_time()
    READERS[reader](text, Random(reader))
    return time.process_time() - start


def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str, chance: Random) -> None:
        raise RecursionError

    def hang(text: str, chance: Random) -> None:
        re.match(r"(a|a)*b", text)

    def square(text: str, chance: Random) -> None:
        re.search(r"a+b", text)

    monkeypatch.setattr(fuzz_replies, "HANG_SECONDS", 0.3)
    monkeypatch.setattr(fuzz_replies, "SLOW_SECONDS", 0.05)
    for name, reader in (("fails", fail), ("hangs", hang), ("squares", square)):
        monkeypatch.setitem(READERS, name, reader)
    monkeypatch.setattr(fuzz_replies, "make_shape", lambda chance: Shape("", "a", "", "!"))
    tally = run(1, iter(range(len(READERS))), lambda: True, lambda tally: None)
    assert [(one.reader, one.what.split()[0]) for one in tally.findings] == [
        ("fails", "RecursionError:"),
        ("hangs", "hangs"),
        ("squares", "took" if tally.findings[2].what != "hangs" else "hangs"),
    ]
