"""Differential fuzzing of the guard, run by hand: `python -m tests.guard.fuzz --minutes 60 --seed 7 --folder DIR`.

Each text is made, judged and run in a child process with a memory limit, which the parent kills where one text takes
more than its processor time. Time is the processor's, so a stopped process loses nothing. `--report` sums up what
runs have left in the folder. Nothing here is part of what the guard does.

Every so many texts a database of its own is made, with names that mean two things and a policy over it: what is shown
of it must run, and nothing denied may come back.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import mmap
import multiprocessing
import os
import resource
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import nl2sql.guard
import nl2sql.guard.sqlglot_rules
from nl2sql.guard.function_catalog import load_catalogue
from tests.guard.fuzz_mutations import TOKEN, mutated
from tests.guard.fuzz_oracle import Disagreement, Oracle
from tests.guard.fuzz_worlds import make_worlds
from tests.guard.grammar import Grammar
from tests.guard.hostile_oracle import HostileWorld, judged

KINDS: Final = {
    **{"honest": 22, "hostile": 10, "wild": 20, "shown": 12},
    **{"mutated-honest": 12, "mutated-hostile": 12, "mutated-wild": 6, "mutated-shown": 6},
}
ADDRESS_SPACE: Final = 3_000_000_000
TEXT_SECONDS: Final = 20.0
CHECK_EVERY: Final = 2000
TELL_EVERY: Final = 30.0
CHANGED: Final = "FILES CHANGED"
KEPT_PER_SHAPE: Final = 6
SHRINKING_SECONDS: Final = 3.0
TEXTS_PER_SCHEMA: Final = 60
SCHEMA_TEXTS: Final = 40
HOSTILE_NAMES: Final = "hostile-names"
_CELL: Final = struct.Struct("q")


def made(seed: int, number: int) -> tuple[str, str]:
    """The text of that number and how it was made, always the same for the same seed."""
    chance = Random(f"{seed}:{number}")
    kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
    grammar = Grammar(chance, sorted(load_catalogue().functions.allowed))
    depth = chance.choice([1, 2, 2, 3])
    make = {"honest": grammar.honest, "hostile": grammar.hostile, "wild": grammar.wild, "shown": grammar.shown}[
        kind.rpartition("-")[2]
    ]
    text = make(depth)
    if kind.startswith("mutated"):
        text = mutated(text, grammar.honest(1), chance)
    return text, kind


def shrunk(oracle: Oracle, text: str, kind: str, found: Disagreement) -> str:
    """A shorter text that the same oracle objects to for a like cause."""
    tokens, size, until = TOKEN.findall(text), 16, time.process_time() + SHRINKING_SECONDS
    while size and time.process_time() < until:
        start = 0
        while start < len(tokens) and time.process_time() < until:
            shorter = tokens[:start] + tokens[start + size :]
            again = oracle.disagreements("".join(shorter), kind)
            if any((one.kind, one.shape) == (found.kind, found.shape) for one in again):
                tokens = shorter
            else:
                start += size
        size //= 2
    return "".join(tokens)


def fuzzed(oracle: Oracle, seed: int, numbers: Iterator[int], kept: Counter[str]) -> Iterator[dict[str, Any]]:
    """Try those texts; yields a record for each disagreement that is not one too many of its shape."""
    for number in numbers:
        if number % TEXTS_PER_SCHEMA == 0:
            yield from _schema_records(oracle, seed, number, kept)
        text, kind = made(seed, number)
        for found in oracle.disagreements(text, kind):
            name = f"{found.kind} | {found.shape}"
            kept[name] += 1
            if kept[name] > KEPT_PER_SHAPE:
                continue
            counts = oracle.counts.copy()
            short = shrunk(oracle, text, kind, found)
            oracle.counts = counts
            record = {"kind": found.kind, "shape": found.shape, "made": kind, "short": short, "text": text}
            yield {"seed": seed, "number": number, **record, "detail": found.detail}


def schema_problems(seed: int, number: int) -> list[str]:
    """What is wrong with the verdicts over the database of that number."""
    chance = Random(f"{seed}:{number}:schema")
    with HostileWorld(chance) as world:
        return list(judged(world, chance, SCHEMA_TEXTS))


def _schema_records(oracle: Oracle, seed: int, number: int, kept: Counter[str]) -> Iterator[dict[str, Any]]:
    oracle.counts["databases with hostile names"] += 1
    for detail in schema_problems(seed, number):
        kept[HOSTILE_NAMES] += 1
        if kept[HOSTILE_NAMES] <= KEPT_PER_SHAPE:
            yield {"seed": seed, "number": number, "kind": HOSTILE_NAMES, "shape": "", "detail": detail}


class _Child:
    """One child process at work on the texts from `first` on, writing records and counts as it goes."""

    def __init__(self, seed: int, first: int, folder: Path, worlds: Mapping[str, Path], kept: Counter[str]) -> None:
        # Where the child is, read by the parent also after its death.
        self._cell = mmap.mmap(-1, _CELL.size)
        self._cell[:] = _CELL.pack(first)
        self._parent = os.getpid()
        self.first = first
        self.state = folder / f"state-{seed}-{first}.json"
        self._since = (first, 0.0)
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=self._work, args=(seed, folder, worlds, kept))
        self.process.start()

    @property
    def at(self) -> int:
        return int(_CELL.unpack(self._cell[:])[0])

    def told(self) -> dict[str, Any]:
        """What the child wrote of itself last."""
        return dict(json.loads(self.state.read_text(encoding="utf-8"))) if self.state.exists() else {}

    def cpu(self) -> float:
        """Seconds of processor time that the child has used."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def overran(self) -> bool:
        """Whether the child is at the same text as some seconds of its own processor time ago."""
        at, used = self.at, self.cpu()
        if at != self._since[0]:
            self._since = (at, used)
        return used - self._since[1] > TEXT_SECONDS

    def _work(self, seed: int, folder: Path, worlds: Mapping[str, Path], kept: Counter[str]) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(next(iter(worlds.values())).parent)
        sys.stderr = (folder / f"stderr-{seed}.txt").open("a", encoding="utf-8")
        logging.disable()
        oracle = Oracle(worlds)
        with (folder / f"disagreements-{seed}.jsonl").open("a", encoding="utf-8") as records:
            for record in fuzzed(oracle, seed, self._numbers(oracle, worlds, kept), kept):
                records.write(json.dumps(record) + "\n")
                records.flush()

    def _numbers(self, oracle: Oracle, worlds: Mapping[str, Path], kept: Counter[str]) -> Iterator[int]:
        before = digests(worlds)
        number, told = self.first, 0.0
        while True:
            self._cell[:] = _CELL.pack(number)
            if os.getppid() != self._parent:
                return
            if number % CHECK_EVERY == 0 and digests(worlds) != before:
                sys.stderr.write(f"{CHANGED} before text {number}\n")
                sys.stderr.flush()
            if time.monotonic() - told > 5:
                told = time.monotonic()
                state = {"tried": number - self.first, "counts": oracle.counts, "kept": kept}
                written = self.state.with_suffix(".new")
                written.write_text(json.dumps(state), encoding="utf-8")
                written.replace(self.state)
            yield number
            number += 1


def digests(worlds: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Every file of the worlds with a digest of what it holds."""
    files = [file for path in worlds.values() for file in sorted(path.parent.iterdir())]
    return [(str(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]


class _Run:
    """One run: a child at a time, and the totals that it leaves in the folder."""

    def __init__(self, seed: int, minutes: float, folder: Path, worlds: Mapping[str, Path]) -> None:
        self._seed, self._minutes, self._folder, self._worlds = seed, minutes, folder, worlds
        self._ends: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._tried = 0
        self._child = _Child(seed, 0, folder, worlds, self._kept)

    def finish(self) -> None:
        """Go on until the processor time is used up."""
        told = time.monotonic()
        while (used := self._cpu()) < self._minutes * 60:
            time.sleep(0.5)
            stuck = self._child.overran()
            if stuck or not self._child.process.is_alive():
                self._replace_child(stuck)
            if time.monotonic() - told > TELL_EVERY:
                told = time.monotonic()
                self._tell(used, done=False)
        self._end_child()
        self._tell(used, done=True)

    def _cpu(self) -> float:
        return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) + self._child.cpu()

    def _replace_child(self, stuck: bool) -> None:
        self._end_child()
        at = self._child.at
        why = "hang" if stuck else f"end by {self._child.process.exitcode}"
        self._ends[why] += 1
        text, kind = made(self._seed, at)
        record = {"seed": self._seed, "number": at, "kind": why, "made": kind, "text": text}
        with (self._folder / f"ends-{self._seed}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._child = _Child(self._seed, at + 1, self._folder, self._worlds, self._kept)

    def _end_child(self) -> None:
        """Kill the child and add up what it did."""
        self._child.process.kill()
        self._child.process.join()
        state = self._child.told()
        self._counts += Counter(state.get("counts", {}))
        self._kept = Counter(state.get("kept", self._kept))
        self._tried += self._child.at - self._child.first
        self._child.state.unlink(missing_ok=True)

    def _tell(self, used: float, done: bool) -> None:
        state = {} if done else self._child.told()
        package = Path(nl2sql.guard.__file__).parent
        guard = b"".join(path.read_bytes() for path in sorted(package.iterdir()) if path.is_file())
        total = {
            "seed": self._seed,
            "guard": hashlib.sha256(guard).hexdigest()[:12],
            "cpu_minutes": round(used / 60, 2),
            "tried": self._tried + (0 if done else self._child.at - self._child.first),
            "ends": self._ends,
            "kinds": state.get("kept", self._kept),
            "counts": self._counts + Counter(state.get("counts", {})),
            "done": done,
        }
        (self._folder / f"total-{self._seed}.json").write_text(json.dumps(total, indent=1), encoding="utf-8")


def run(seed: int, minutes: float, folder: Path) -> None:
    """Fuzz for that much processor time; leaves totals, disagreements and ends of children in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        _Run(seed, minutes, folder, make_worlds(Path(temporary))).finish()


def report(folder: Path) -> str:
    """The totals of every run in the folder, added up."""
    totals = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("total-*.json"))]
    minutes, tried = sum(t["cpu_minutes"] for t in totals), sum(t["tried"] for t in totals)
    lines = [f"runs {len(totals)}, finished {sum(t['done'] for t in totals)}"]
    lines += [f"processor minutes {minutes:.1f}, texts tried {tried:,}"]
    changed = sum(path.read_text(encoding="utf-8").count(CHANGED) for path in folder.glob("stderr-*.txt"))
    lines += [f"times that a file of a world was found changed: {changed}"]
    for part in ("ends", "kinds", "counts"):
        added: Counter[str] = sum((Counter(t[part]) for t in totals), Counter())
        lines += ["", part, *(f"  {count:>9,}  {name}" for name, count in added.most_common())]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fuzz")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    if options.report:
        sys.stdout.write(report(options.folder) + "\n")
    else:
        run(options.seed, options.minutes, options.folder)


if __name__ == "__main__":
    main()
