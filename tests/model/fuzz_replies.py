"""Fuzzing of what reads a model's reply, run by hand: `python -m tests.model.fuzz_replies --minutes 30 --seed 7`.

Each text is made of the pieces that replies are made of, and grown; each reader gets it at a size at which work that
grows with the square of the length shows, and at the greatest length of a reply where it does. A reader that takes
longer than half a second of the processor's time then, or raises what it does not promise, is a finding.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from types import FrameType
from typing import Any, Final

import pyarrow as pa

from nl2sql.agent.verified_query_tools import check_text_arguments
from nl2sql.answer.grounding import Evidence, check_numbers, drop_unnamed_currencies
from nl2sql.cancellation import CancelToken
from nl2sql.errors import CallError, ModelError
from nl2sql.model.openai import endpoint_errors, tool_protocols
from nl2sql.model.openai.openai_client import ClientOptions, OpenAIChatModel
from nl2sql.model.openai.reply_builder import MAX_REPLY_CHARS
from nl2sql.model.openai.sse_events import MAX_ERROR_BYTES, EndpointError, read_events, read_refusal
from nl2sql.model.tool_calls import reply_parser, text_tool_calls, tolerant_json, tool_call_shapes
from nl2sql.text_safety import escape_for_model
from nl2sql.types import Result, ResultColumn, ToolCall

SLOW_SECONDS: Final = 0.5
SCREENED_CHARS: Final = MAX_REPLY_CHARS // 8
# What takes this long would take half a second at eight times the length if it grew with the square.
SCREENED_SECONDS: Final = SLOW_SECONDS / 64
HANG_SECONDS: Final = 10.0
SENTENCE_CHARS: Final = 4_000
_BY_CHARACTER: Final = MAX_REPLY_CHARS // 4

_NAMES: Final = ("sql_query", "list_tables", "find_values", "top_plants")
_TYPES: Final = {"query": "string", "pattern": "string", "limit": "integer", "ripe": "boolean"}
TOOLS: Final = [
    {
        "type": "function",
        "function": {"name": name, "parameters": {"properties": {key: {"type": kind} for key, kind in _TYPES.items()}}},
    }
    for name in _NAMES
]

_TAGS: Final = """
<think> </think> <thinking> </thinking> <thought> <reasoning> </reasoning> <mm:think> ◁think▷ ◁/think▷ <|end|>
<|start|> <|channel|>analysis<|message|> <|channel|>final<|message|> assistant <|return|> <|call|> <|im_end|>
</s> <tool_call> </tool_call> <tool_calls> </tool_calls> <minimax:tool_call> </minimax:tool_call>
<function_call> </function_call> <functioncall> </functioncall> <tools> </tools> <tool> </tool> <|python_tag|>
<|eom_id|> <|eot_id|> [TOOL_CALLS] [CALL_ID] [ARGS] <|tool_call> <tool_call|> <|/tool_call|>
<start_function_call> <end_function_call> <｜tool▁calls▁begin｜> <｜tool▁calls▁end｜> <｜tool▁call▁begin｜>
<｜tool▁call▁end｜> <｜tool▁sep｜> <|channel|>commentary <function=sql_query> <function= </function> <function=a
<parameter=query> <parameter=a <parameter </parameter> <arg_key> </arg_key> <arg_value> </arg_value> <escape>
<｜DSML｜ </｜DSML｜ ｜DSML｜invoke> <|tool_calls_section_begin|> <|tool_call_begin|> <|tool_call_argument_begin|>
<|tool_call_end|> <|tool_call_start|> [TOOL_REQUEST] [END_TOOL_REQUEST] <TOOLCALL> </TOOLCALL> <|START_ACTION|>
<|action_start|> ✿FUNCTION✿ ✿ARGS✿ ✿RESULT✿ <tool_response> </tool_response> Action: Observation: <sql_query>
</sql_query> <query> </query> <<function>> functools[ &lt;tool_call&gt; [THINK] [/THINK] >>>sql_query
find_values( list_tables[ <|"|> call:a{ call:sql_query{query: </invoke> functions. to= <|x
""".split()
_SPACED: Final = (
    *(' to=functions.sql_query <|x|>', '<invoke name="sql_query">', "<invoke name=", "<invoke name='x"),
    *(' name="query"', '<parameter name="query">', "```json\n", "```sql\n", "```\n"),
    *("\n```", "```", "\n  ```", "``", "`", "```json"),
    *('{"name": "sql_query", "arguments": {"query": "SELECT 1"}}', '{"name": "sql_query", "arguments": ', '{"query": '),
    *('"SELECT name FROM plants"', "{'query': 'SELECT 1'}", '{"a": "it "is" so"}', '"a": 1,', '"a": "'),
    *('", "b": "', "sql_query(query='x')", "sql_query(query=", "print(default_api.sql_query(", "query='''", '"""'),
    *("SELECT 1 FROM t;", "SELECT ", "WITH a AS (", "FROM t ", "SELECT 1;", "--", "it's"),
    *("\n\n", "\n", "  ", "\t", " " * 30, "\r\n", "\\n"),
    *('"tool_calls": [', '"function": {', "\\u0041", "\\ud83d", "\\", '\\"', "true", "None", "NaN", "1e999", "9" * 30),
    *("12.5", "1,234", "$5", "€", "3 million", "2025-01-31", "4 May 2025", "-7", "50%"),
    *("é", "漢字", "\u202e", "\u200b", "\0"),
)  # fmt: skip
_MARKS: Final = tuple("{}[]()<>\"'`|:;,=#.*-_/\\ \nax0")
PIECES: Final = (*_TAGS, *_SPACED, *_MARKS)
_PAIRS: Final = (
    *(("{", "}"), ("[", "]"), ('{"a":', "}"), ("[1,", "]"), ("(", ")"), ("f(", ")"), ('{"a":[', "]}"), ("[\n", "\n]")),
    *(("<think>", "</think>"), ("<tool_call>", "</tool_call>"), ('{"arguments":', "}"), ('"', '"'), ("```\n", "\n```")),
)


@dataclass(slots=True)
class Shape:
    """A text before it is grown: what stands first, what is repeated, what stands last."""

    first: str
    repeated: str
    nested: str
    last: str

    def text(self, size: int) -> str:
        """The text at about that size, never longer than a reply may be."""
        room = max(1, size - len(self.first) - len(self.last))
        count = max(1, room // (len(self.repeated) + len(self.nested) or 1))
        return f"{self.first}{self.repeated * count}{self.nested * count}{self.last}"[:MAX_REPLY_CHARS]


def make_shape(chance: Random) -> Shape:
    """Pieces in a row, repeated; or opened again and again and then closed; or all sorts of them."""
    kind = chance.choices(["repeated", "nested", "twice", "mixed"], [6, 2, 1, 2])[0]
    first, last = _some(chance, 3), _some(chance, 3)
    if kind == "nested":
        opening, closing = chance.choice(_PAIRS)
        return Shape(first, opening, closing, last)
    if kind == "twice":
        return Shape(first, _some(chance, 2) or "a", _some(chance, 2), last)
    return Shape(first, _some(chance, 40 if kind == "mixed" else 4) or "a", "", last)


def _some(chance: Random, most: int) -> str:
    return "".join(chance.choices(PIECES, k=chance.randint(0, most)))


class ScriptedTransport:
    """A transport that yields events which were made beforehand."""

    def __init__(self, made: Sequence[Mapping[str, Any]]) -> None:
        self._made = made

    def stream_events(
        self, body: Mapping[str, Any], cancel: CancelToken, begun: Callable[[], bool] = lambda: True
    ) -> Generator[Mapping[str, Any], None, None]:
        yield from self._made

    def list_models(self) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing is held."""


def _streamed(events_made: Sequence[Mapping[str, Any]]) -> None:
    options, transport = ClientOptions(max_retries=0), ScriptedTransport(events_made)
    model = OpenAIChatModel("m", base_url="http://127.0.0.1:9/v1", options=options, transport=transport)
    try:
        for _ in model.stream([{"role": "user", "content": "?"}], TOOLS):
            pass
    except ModelError:
        pass


def _pieces(text: str, chance: Random) -> Iterator[str]:
    """The text in pieces, of one character too; few enough that what each event costs does not count."""
    at = 0
    least, most = chance.choice(
        [(1, 1), (1, 30), (500, 5000)] if len(text) <= _BY_CHARACTER else [(4, 4), (4, 60), (500, 5000)]
    )
    while at < len(text):
        size = chance.randint(least, most)
        yield text[at : at + size]
        at += size


def _stream_text(text: str, chance: Random) -> None:
    field_name = chance.choice(["content", "reasoning_content", "reasoning"])
    _streamed([{"choices": [{"delta": {field_name: piece}}]} for piece in _pieces(text, chance)])


def _stream_arguments(text: str, chance: Random) -> None:
    named, indexed, grows = chance.random() < 0.5, chance.random() < 0.5, chance.random() < 0.1
    made: list[dict[str, Any]] = []
    so_far = ""
    for piece in _pieces(text, chance):
        so_far = so_far + piece if grows and len(so_far) < 2000 else piece
        call: dict[str, Any] = {"function": {"arguments": so_far}}
        if named or not made:
            call["function"]["name"] = "sql_query"
        if indexed:
            call["index"] = 0
        made.append({"choices": [{"delta": {"tool_calls": [call]}}]})
    _streamed(made)


def _read_bytes(text: str, chance: Random) -> None:
    """The text as the body of an answer, or inside its events, in pieces of any size."""
    content = json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=False)
    body = {0: f"data: {content}\n\n", 1: f"data: {text}\n", 2: text}[chance.randrange(3)].encode("utf-8", "replace")
    size = chance.choice([1, 3, 1000, 100_000])
    try:
        for _ in read_events(body[at : at + size] for at in range(0, len(body), size)):
            pass
    except EndpointError:
        pass


def _read_refusal(text: str, chance: Random) -> None:
    body = {"error": {"message": text, "failed_generation": text}} if chance.random() < 0.7 else text
    content = (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "replace")[:MAX_ERROR_BYTES]
    failure = read_refusal(chance.choice([400, 404, 422, 429, 500]), content, {"retry-after": text[:200]})
    endpoint_errors.is_retryable(failure)
    endpoint_errors.is_tools_refusal(failure, "tools")
    endpoint_errors.is_system_refusal(failure)
    endpoint_errors.find_refused_parameter(failure, ["max_tokens", "temperature", "stop", "seed", "stream", "tools"])
    endpoint_errors.is_unknown_model(failure)
    endpoint_errors.find_failed_generation(failure)
    endpoint_errors.make_model_error(failure, model="m", host="p")


def _read_reply(text: str, chance: Random) -> None:
    cut = chance.random() < 0.5
    prose, calls = reply_parser.read_reply(text, tools=TOOLS, cut=cut)
    assert not any(call.problem and call.arguments for call in calls)
    assert len(calls) <= tool_call_shapes.MAX_CALLS
    tool_protocols.make_reply_message(chance.choice(tool_protocols.PROTOCOLS), prose, calls, {})
    json.dumps([dict(call.arguments) for call in calls], allow_nan=False, indent=1).encode()
    for call in calls:
        _fit(call)


def _fit(call: ToolCall) -> None:
    try:
        check_text_arguments(call, {"query": {"type": "string"}, "pattern": {"type": ["string", "null"]}})
    except CallError as exc:
        escape_for_model(exc.message + exc.hint, 600)


def _read_thoughts(text: str, chance: Random) -> None:
    reply_parser.read_reply("", reasoning=text, tools=TOOLS, cut=chance.random() < 0.5)


def _read_arguments(text: str, chance: Random) -> None:
    written: Any = chance.choice([text, json.dumps(text), f'{{"query": "{text}"}}', f"{{'query': '{text}',}}"])
    reply_parser.read_reply("", [tool_call_shapes.RawCall("sql_query", written)], tools=TOOLS)
    reply_parser.clean_name(text, _NAMES)


def _read_json(text: str, chance: Random) -> None:
    for read in (
        tolerant_json.parse_tolerantly,
        tolerant_json.read_objects,
        tolerant_json.read_leading,
        tolerant_json.decode,
        tolerant_json.decode_leniently,
    ):
        try:
            read(text)
        except ValueError:
            continue


def _read_sentence(text: str, chance: Random) -> None:
    table = pa.table({"n": [1, 2, 1234], "t": ["a", "12 b", None]})
    result = Result((ResultColumn("n", "BIGINT"), ResultColumn("t", "VARCHAR")), table)
    sentence = text[:SENTENCE_CHARS]
    check_numbers(
        drop_unnamed_currencies(sentence, Evidence(result, "how many?", "SELECT 1")),
        Evidence(result, "how many?", "SELECT 1"),
    )


def _read_visible(text: str, chance: Random) -> None:
    text_tool_calls.cut_to_prose(text, _NAMES if chance.random() < 0.5 else ())
    text_tool_calls.strip_reasoning(text)


Reader = Callable[[str, Random], None]
READERS: Final[dict[str, Reader]] = {
    "reply": _read_reply,
    "thoughts": _read_thoughts,
    "arguments": _read_arguments,
    "json": _read_json,
    "visible": _read_visible,
    "sentence": _read_sentence,
    "bytes": _read_bytes,
    "refusal": _read_refusal,
    "streamed text": _stream_text,
    "streamed arguments": _stream_arguments,
}


class HangError(Exception):
    """A reader that did not come to its end."""


@dataclass(slots=True)
class Finding:
    """What a reader did with a text that it should not."""

    reader: str
    what: str
    text: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 300 else f"{self.text[:150]} … {self.text[-100:]}"
        return f"{self.reader}: {self.what}: {len(self.text)} characters {shown!r}"


@dataclass(slots=True)
class Tally:
    """What a run has seen: cases, the slowest of each reader at the greatest length, findings."""

    cases: int = 0
    grown: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, tuple[float, str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def check(shape: Shape, reader: str, seed: str, tally: Tally) -> None:
    """Read the text of that shape at the size that shows most, and at the greatest length where it was slow."""
    tally.cases += 1
    text = shape.text(SCREENED_CHARS)
    seconds = _timed(text, reader, seed, tally)
    if seconds is not None and seconds > SCREENED_SECONDS:
        tally.grown[reader] += 1
        text = shape.text(MAX_REPLY_CHARS)
        seconds = _timed(text, reader, seed, tally)
        # Once more, and again: another process may have had the cache, or the processor's clock.
        for _ in range(3):
            if seconds is not None and seconds > SLOW_SECONDS:
                again = _timed(text, reader, seed, tally)
                seconds = None if again is None else min(seconds, again)
        if seconds is not None and seconds > SLOW_SECONDS:
            tally.findings.append(Finding(reader, f"took {seconds:.2f} s", text))
        if seconds is not None and seconds > tally.slowest.get(reader, (0.0, ""))[0]:
            tally.slowest[reader] = seconds, repr(text[:60])


def _timed(text: str, reader: str, seed: str, tally: Tally) -> float | None:
    """Seconds of the processor that the reader took; None where it failed, which is a finding."""
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    start = time.process_time()
    try:
        READERS[reader](text, Random(seed))
    except HangError:
        tally.findings.append(Finding(reader, "hangs", text))
    # A reader promises to raise nothing: whatever comes is what this looks for.
    except Exception as exc:  # noqa: BLE001
        tally.findings.append(Finding(reader, f"{type(exc).__name__}: {str(exc)[:80]}", text))
    else:
        return time.process_time() - start
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError


def run(seed: int, numbers: Iterator[int], going: Callable[[], bool], tell: Callable[[Tally], None]) -> Tally:
    """One reader and one shape for each number, for as long as it is `going`."""
    before = signal.signal(signal.SIGVTALRM, _hang)
    tally, names = Tally(), list(READERS)
    try:
        for number in numbers:
            if not going():
                break
            chance = Random(f"{seed}:{number}")
            check(make_shape(chance), names[number % len(names)], f"{seed}:{number}:read", tally)
            tell(tally)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    return tally


def main() -> int:
    """Run for some minutes and print cases, the slowest, and findings; 1 where there are any."""
    arguments = argparse.ArgumentParser(description="Fuzz what reads a model's reply.")
    arguments.add_argument("--minutes", type=float, default=1.0)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    end = time.monotonic() + given.minutes * 60
    say = partial(print, flush=True)
    told = [0, time.monotonic()]

    def tell(tally: Tally) -> None:
        for finding in tally.findings[int(told[0]) :]:
            say(f"FOUND {finding}")
        told[0] = len(tally.findings)
        if time.monotonic() - told[1] > 60:
            told[1] = time.monotonic()
            say(f"{tally.cases} cases, {sum(tally.grown.values())} grown, {len(tally.findings)} findings")

    tally = run(given.seed, iter(range(sys.maxsize)), lambda: time.monotonic() < end, tell)
    say(f"{tally.cases} cases, {sum(tally.grown.values())} read at {MAX_REPLY_CHARS:,} characters, seed {given.seed}")
    for reader, (seconds, shown) in sorted(tally.slowest.items(), key=lambda item: -item[1][0]):
        say(f"slowest {reader}: {seconds:.3f} s  {shown}")
    say(f"{len(tally.findings)} findings")
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
