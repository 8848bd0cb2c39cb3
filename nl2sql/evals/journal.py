"""Store the cases of an unfinished run, a JSON object a line, so that it can be continued after it was stopped.

A line that was cut off while it was written is ignored. It does not decide which cases are asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from nl2sql.errors import ConfigError
from nl2sql.evals import eval_case as cases
from nl2sql.evals.eval_case import Case
from nl2sql.evals.example_file import EvalExample

_FORMAT: Final = 1


class Journal:
    """The journal of one model's run, in a file.

    Raises:
        ConfigError: where the file is another model's, is no journal, or cannot be written.
    """

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self._prompts: dict[str, str] = {}
        self._cases: dict[str, Case] = {}
        try:
            is_new = not path.exists() or not path.stat().st_size
            if not is_new:
                self._read(path.read_bytes().split(b"\n"), model)
            self._file = path.open("a", encoding="utf-8")
        except OSError as exc:
            raise ConfigError(
                f"the journal {path} cannot be written: {exc.strerror}", "Name another with --resume."
            ) from exc
        if is_new:
            self._write({"journal": _FORMAT, "model": model})
        else:
            self._file.write("\n")

    def find_done_case(self, example: EvalExample) -> Case | None:
        """Return the case of an example that was asked with the same words and need not be asked again; else None."""
        case = self._cases.get(example.question.id)
        if case is None or not case.is_final:
            return None
        question = example.question
        wording = (question.db, question.text, question.evidence, example.gold.sql)
        return case if wording == (case.db, case.question, case.evidence, case.gold_sql) else None

    def add(self, case: Case) -> None:
        """Write the case to the file at once."""
        key = make_prompt_key(case.prompt)
        if key not in self._prompts:
            self._prompts[key] = case.prompt
            self._write({"prompt": key, "text": case.prompt})
        self._write({"case": cases.encode_case(replace(case, prompt=key))})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        self._file.flush()

    def _read(self, lines: list[bytes], model: str) -> None:
        objects = _parse_objects(lines)
        head = next(objects, {})
        if head.get("journal") != _FORMAT:
            raise ConfigError(f"{self.path} is no journal of nl2sql eval", "Name another file with --resume.")
        if head.get("model") != model:
            raise ConfigError(
                f"the journal {self.path} is of a run with the model {head.get('model')}, not {model}",
                "Remove it to start again, or continue with that model.",
            )
        for value in objects:
            if "prompt" in value:
                self._prompts[value["prompt"]] = str(value.get("text", ""))
            elif "case" in value:
                case = cases.decode_case(value["case"])
                self._cases[case.id] = replace(case, prompt=self._prompts.get(case.prompt, ""))


def make_prompt_key(prompt: str) -> str:
    """Return a short key for the text; empty for an empty text."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:12] if prompt else ""


def _parse_objects(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
