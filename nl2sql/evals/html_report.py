"""Write the report as one self-contained HTML page: figures, then every case, filtered by outcome without a script.

All text from data, models and files is escaped. It shows what the JSON report holds and computes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from nl2sql.evals import text_report
from nl2sql.evals.eval_case import Case
from nl2sql.evals.report import read_cases
from nl2sql.evals.scorer import REASONS

_PLOT_PIXELS: Final = 240
_FILTERS: Final = ("all", "right", "lenient", "wrong", *REASONS, "unjudged")
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f37; --bad: #c0392b; --half: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --good: #56d364; --bad: #ff7b72; --half: #e3b341; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: .9rem; margin: 1rem 0 .3rem; }
table { border-collapse: collapse; margin: .5rem 0; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .15rem .7rem .15rem 0; }
th, td { text-align: left; vertical-align: top; }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: var(--soft); padding: .6rem; margin: .3rem 0; max-height: 30rem; overflow: auto; }
pre { white-space: pre-wrap; }
.rows { overflow-x: auto; } .null { opacity: .5; font-style: italic; }
details { border-top: 1px solid var(--line); padding: .35rem 0; } details details { border: 0; padding: .1rem 0; }
summary { cursor: pointer; } summary .id { opacity: .65; font-size: .85rem; } .sides { display: grid; gap: 0 1.5rem; }
@media (min-width: 60rem) { .sides { grid-template-columns: 1fr 1fr; } } .sides > * { min-width: 0; }
.right .outcome { color: var(--good); } .wrong .outcome { color: var(--bad); } .lenient .outcome { color: var(--half); }
.outcome { font-weight: 600; font-size: .85rem; } input[name=show] { position: absolute; opacity: 0; }
label { display: inline-block; border: 1px solid var(--line); border-radius: 1rem; cursor: pointer; }
label { padding: .05rem .7rem; margin: .15rem .2rem .15rem 0; }
input:focus-visible + label { outline: 2px solid; }
input:checked + label { background: CanvasText; color: Canvas; }
"""


def render_report(report: Mapping[str, Any]) -> str:
    """Return the page of that report as HTML."""
    judged = read_cases(report)
    title = f"nl2sql eval: {report['file']}"
    counts = {name: sum(name in _list_classes(case) for case in judged) for name in _FILTERS[1:]}
    counts["all"] = len(judged)
    shown = [name for name in _FILTERS if counts[name]]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{_STYLE}{_make_filter_style(shown)}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *_render_head(report),
            "<h2>What the model saw before each question</h2>",
            *(_render_prompt(key, prompt) for key, prompt in report["prompts"].items()),
            "<h2>Cases</h2>",
            *(_render_choice(name, counts[name]) for name in shown),
            *map(_render_case, judged),
            "</body></html>",
        ]
    )


def _render_head(report: Mapping[str, Any]) -> Iterable[str]:
    stopped = "" if report["finished"] else " The run was stopped before its end."
    about = f"Model {report['model']}, nl2sql {report['version']}, started {report['started_at']}.{stopped}"
    yield f"<p>{escape(about)}</p>"
    for names, rows in text_report.make_report_tables(report):
        yield _render_table(names, rows)
    if report.get("reliability"):
        yield from _draw_reliability_diagram(report["reliability"])
    if unjudged := text_report.list_unjudged(report):
        yield "<h2>Not judged</h2><ul>" + "".join(f"<li>{escape(line)}</li>" for line in unjudged) + "</ul>"


def _draw_reliability_diagram(points: Sequence[Sequence[float]]) -> Iterable[str]:
    """Yield a plot of score against share right: a circle for each bin, sized by its count, and the diagonal."""
    most = max(count for _, _, count in points)
    yield "<h2>Reliability of the confidence</h2>"
    yield "<p>Each circle is a tenth of the scale: across, its mean score; upwards, the share that is right.</p>"
    yield (
        f'<svg role="img" aria-label="Reliability diagram" viewBox="-30 -10 {_PLOT_PIXELS + 45} {_PLOT_PIXELS + 40}" '
        f'width="{_PLOT_PIXELS + 75}" height="{_PLOT_PIXELS + 50}" fill="currentColor" font-size="11">'
    )
    frame = f"M0 0V{_PLOT_PIXELS}H{_PLOT_PIXELS}M0 {_PLOT_PIXELS}L{_PLOT_PIXELS} 0"
    yield f'<path d="{frame}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    for share in (0.0, 0.5, 1.0):
        place = share * _PLOT_PIXELS
        yield f'<text x="{place}" y="{_PLOT_PIXELS + 16}" text-anchor="middle">{share:.0%}</text>'
        yield f'<text x="-4" y="{_PLOT_PIXELS - place + 4}" text-anchor="end">{share:.0%}</text>'
    for score, right, count in points:
        x, y, radius = score * _PLOT_PIXELS, (1 - right) * _PLOT_PIXELS, 3 + 9 * (count / most) ** 0.5
        title = f"score {score:.2f}, right {right:.0%}, {count:.0f} answers"
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill-opacity=".55"><title>{title}</title></circle>'
    yield "</svg>"


def _list_classes(case: Case) -> list[str]:
    """Return the filters that show the case; the first gives its colour."""
    if not case.is_judged:
        return ["unjudged"]
    if case.strict:
        return ["right"]
    return ["lenient" if case.lenient else "wrong", str(case.reason)]


def _make_filter_style(names: Sequence[str]) -> str:
    return "".join(
        f"body:has(#show-{name}:checked) .case:not(.{name}) {{ display: none }}\n" for name in names if name != "all"
    )


def _render_choice(name: str, count: int) -> str:
    checked = " checked" if name == "all" else ""
    label = f"{name.replace('_', ' ')} {count}"
    return f'<input type="radio" name="show" id="show-{name}"{checked}><label for="show-{name}">{label}</label>'


def _render_prompt(key: str, prompt: Mapping[str, Any]) -> str:
    names = ", ".join(prompt["databases"])
    return (
        f'<details id="prompt-{escape(key)}"><summary>{escape(names)} <span class="id">{escape(key)}, '
        f"{len(prompt['text']):,} characters</span></summary><pre>{escape(prompt['text'])}</pre></details>"
    )


def _render_case(case: Case) -> str:
    summary = (
        f'<summary><span class="outcome">{escape(text_report.describe_outcome(case))}</span> {escape(case.question)} '
        f'<span class="id">{escape(case.id)} · {escape(case.db)}{_render_cost(case)}</span></summary>'
    )
    hint = f"Hint: {case.evidence}" if case.evidence else ""
    notes = [_render_confidence(case), hint, case.problem or "", case.detail or "", _render_error(case)]
    body = [
        *(f"<p>{escape(note)}</p>" for note in notes if note),
        '<div class="sides"><div>',
        f"<h3>SQL</h3><pre>{escape(case.sql or '')}</pre>{_render_rows(case.rows)}</div>",
        f"<div><h3>Gold</h3><pre>{escape(case.gold_sql)}</pre>{_render_rows(case.gold_rows)}</div></div>",
        _render_tries(case),
        _render_conversation(case),
    ]
    return f'<details class="case {" ".join(_list_classes(case))}">{summary}{"".join(body)}</details>'


def _render_cost(case: Case) -> str:
    if not case.seconds:
        return ""
    return (
        f" · {case.seconds['total']:.1f} s · {case.usage['prompt_tokens']:,} tokens sent "
        f"({case.usage['cached_tokens']:,} cached), {case.usage['completion_tokens']:,} generated"
    )


def _render_error(case: Case) -> str:
    if case.error is None:
        return ""
    rule = f" ({case.error['rule']})" if case.error["rule"] else ""
    return f"{case.error['code']}{rule}: {case.error['message']}"


def _render_confidence(case: Case) -> str:
    if case.confidence is None:
        return ""
    reasons = "; ".join(case.confidence["reasons"])
    return f"Confidence: {case.confidence['level']}, {case.confidence['score']:.2f}" + (
        f" ({reasons})" if reasons else ""
    )


def _render_tries(case: Case) -> str:
    """Return the queries before the last one, and every error."""
    if len(case.steps) < 2 and all(step["ok"] for step in case.steps):
        return ""
    items = []
    for step in case.steps:
        arguments = step["arguments"]
        text = arguments.get("query") or json.dumps(arguments, ensure_ascii=False, default=str)
        failed = f"<p>{escape(str(step['error']))}</p>" if step["error"] else ""
        items.append(f"<li>{escape(step['tool'])}<pre>{escape(str(text))}</pre>{failed}</li>")
    return f"<h3>Tries</h3><ol>{''.join(items)}</ol>"


def _render_conversation(case: Case) -> str:
    if not case.calls:
        return ""
    parts = [f'<p>After <a href="#prompt-{escape(case.prompt)}">the prompt</a>:</p>'] if case.prompt else []
    for call in case.calls:
        parts += [_render_message(message) for message in call["sent"]]
        parts.append(_render_message(call["reply"]))
        parts.append(
            f"<p>{call['prompt_tokens']:,} tokens sent, {call['cached_tokens']:,} of them cached; "
            f"{call['completion_tokens']:,} generated; {call['seconds']:.1f} s</p>"
        )
    return f"<details><summary>Messages sent and received ({len(case.calls)} calls)</summary>{''.join(parts)}</details>"


def _render_message(message: Mapping[str, Any]) -> str:
    text = message.get("content") or ""
    content = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, default=str)
    if message.get("tool_calls"):
        content += json.dumps(message["tool_calls"], ensure_ascii=False, indent=1, default=str)
    return f"<h3>{escape(str(message.get('role', '')))}</h3><pre>{escape(content)}</pre>"


def _render_rows(preview: Mapping[str, Any] | None) -> str:
    if preview is None:
        return "<p>No rows: nothing ran.</p>"
    more = f"{preview['row_count']:,} rows, {preview['column_count']:,} columns"
    cut = preview["row_count"] > len(preview["rows"]) or preview["column_count"] > len(preview["columns"])
    table = _render_table(preview["columns"], preview["rows"]) if preview["row_count"] else ""
    return f'<div class="rows"><p>{more}{", the first are shown" if cut else ""}</p>{table}</div>'


def _render_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names)
    lines = "".join(f"<tr>{''.join(map(_render_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _render_cell(value: Any) -> str:
    if value is None:
        return '<td class="null">NULL</td>'
    kind = ' class="number"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    return f"<td{kind}>{escape(str(value))}</td>"
