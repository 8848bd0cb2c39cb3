"""What a project's dbt files say: of tables, columns and metrics, only once they are trusted, and within bounds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql import Assistant, ConfigError
from nl2sql.config import Config, ContextSettings, add_dbt, load_config
from nl2sql.config.dbt_files import MAX_FILES, DbtFile, DbtNotes, read_files, read_notes
from nl2sql.model.scripted import ScriptedModel
from nl2sql.types import Column, Schema, Table

Trust = Callable[[Path], None]
MOORINGS = """
version: 2
models:
  - name: moorings
    description: >
      One row for each berth
      that is let.
    config: {materialized: table}
    columns:
      - name: Berth_Type
        description: kind of berth
        tests:
          - not_null
          - accepted_values: {values: [swing, 'pile', 3]}
      - name: metres
        description: "{{ doc('metres') }}"
      - name: skipper
        data_tests:
          - accepted_values:
              arguments:
                values: [known, unknown]
sources:
  - name: harbour
    schema: raw
    tables:
      - name: tide_table
        identifier: tides
        description: as the gauge wrote it
        columns: [{name: level, description: metres above chart datum}]
      - name: gone
semantic_models:
  - name: lettings
    model: ref('moorings')
    measures:
      - name: total_metres
        label: quay length
        agg: sum
        description: metres of all boats together
metrics:
  - name: occupancy
    description: berths let out of berths there are
  - name: without_words
"""
TOML = '[database]\nurl = "harbour.duckdb"\n[context]\ndbt = "models/"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with dbt's models below it, and a database that has most of them."""
    folder = tmp_path / "harbour"
    (folder / "models" / "marts").mkdir(parents=True)
    (folder / "models" / "marts" / "schema.yml").write_text(MOORINGS)
    (folder / "nl2sql.toml").write_text(TOML)
    with duckdb.connect(str(folder / "harbour.duckdb")) as connection:
        connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.tides (level DOUBLE)")
        connection.execute("CREATE TABLE moorings (berth_type VARCHAR, metres DOUBLE, skipper VARCHAR)")
    return folder


def read(text: str, name: str = "models/schema.yml") -> DbtNotes:
    return read_notes([DbtFile(Path(name), name, text.encode())])


def test_tables_columns_and_metrics_are_taken_in_plain_words() -> None:
    notes = read(MOORINGS)
    moorings, tides, gone = notes.tables
    assert moorings.name == "moorings" and moorings.description == "One row for each berth that is let."
    assert moorings.columns == {
        "berth_type": "kind of berth; one of swing, pile, 3",
        "metres": "",
        "skipper": "one of known, unknown",
    }
    assert (tides.full_name, tides.columns) == ("raw.tides", {"level": "metres above chart datum"})
    assert gone.full_name == "raw.gone"
    assert notes.metrics == {
        "occupancy": "berths let out of berths there are",
        "quay length": "metres of all boats together",
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1\nmodels: 3", "version: 2\nmodels:\nsources: []"])
def test_what_says_nothing_of_tables_is_passed_over(text: str) -> None:
    assert read(text) == DbtNotes()


def test_a_table_is_found_in_another_schema_where_only_one_has_the_name() -> None:
    tables = [Table(name, (Column("a", "INTEGER"),)) for name in ("mart.boats", "x.piers", "y.piers", "raw.buoys")]
    text = "models:\n" + "".join(
        f"- {{name: {name}, description: the {name}, columns: [{{name: A, description: one}}]}}\n"
        for name in ("boats", "piers", "buoys")
    )
    source = "sources:\n- name: raw\n  tables: [{name: buoys, description: raw ones}, {name: boats, description: no}]\n"
    notes = read(text + source)
    assert notes.describe(Schema(tuple(tables))) == {
        "mart.boats": "the boats",
        "mart.boats.a": "one",
        "raw.buoys": "raw ones",
    }
    assert notes.list_unknown(Schema(tuple(tables))) == ("piers", "buoys", "raw.boats")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("models:\n- name: a\n   description: b", 3, "not valid YAML"),
        ("models:\n- description: b", 2, "a name is missing"),
        ("models:\n  a: b", 2, "models must be a list"),
        ("models:\n- name: [a]", 2, "a text is missing"),
        ("models:\n- plain", 2, "a mapping with"),
        ("models:\n- name: a\n- name: A", 3, "A is described a second time, after models/schema.yml, line 2"),
        ("models:\n- name: a\n  columns:\n  - name: b\n  - name: B", 5, "b is described a second time"),
        ("models:\n- name: a\n  name: b", 3, "name is there twice"),
        ("x: &x [1]\nmodels: *x", 2, "refers to another place, *x"),
        ("x: {<<: *x}", 1, "refers to another place"),
        ("models:\n- name: !!python/object/apply:os.system [id]", 2, "has the tag"),
        ("models: !x []", 1, "has the tag"),
        ("a: 1\n---\nb: 2", 3, "a second document"),
        ("- a", 1, "must begin with keys"),
        ("? [a]\n: b", 1, "a key must be a text"),
        ("a: \x01", 0, "not valid YAML"),
        ("models: " + "[" * 40 + "]" * 40, 1, "nested too deep"),
    ],
)
def test_a_broken_file_is_told_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    place = f"models/schema.yml, line {line}: " if line else "models/schema.yml: "
    assert caught.value.message.startswith(place) and problem in caught.value.message, caught.value.message
    assert caught.value.hint


def test_what_is_not_utf8_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"a\.yml, line 2: it is not UTF-8"):
        read_notes([DbtFile(Path("a.yml"), "a.yml", b"models:\n- \xff")])


@pytest.mark.alone
def test_yaml_bomb_is_refused_cheaply() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    start = time.perf_counter()
    for text in (bomb + "models: *i", "models: " + "[" * 400_000, "models: " + "{a: " * 200_000, "? " * 300_000):
        with pytest.raises(ConfigError):
            read(text)
    assert time.perf_counter() - start < 2


def test_only_files_within_the_project_and_its_bounds_are_read(tmp_path: Path) -> None:
    folder, outside = tmp_path / "project", tmp_path / "outside"
    for path in (folder / "models" / "a", folder / "models" / "target", folder / "models" / ".git", outside):
        path.mkdir(parents=True)
        (path / "s.yml").write_text("models: []")
    (folder / "models" / "dbt_project.yml").write_text("models: {}")
    (folder / "models" / "b.yaml").write_text("models: []")
    (folder / "models" / "notes.md").write_text("none")
    assert [file.name for file in read_files(folder, "models")] == ["models/a/s.yml", "models/b.yaml"]
    assert [file.name for file in read_files(folder, "models/b.yaml")] == ["models/b.yaml"]
    (folder / "way_out").symlink_to(outside)
    for place, problem in (
        ("../outside", "outside the project file's folder"),
        (str(outside), "outside the project file's folder"),
        ("way_out", "outside the project file's folder"),
        ("nothing", "there is no nothing"),
        ("models/notes.md", "is no YAML"),
    ):
        with pytest.raises(ConfigError, match=problem):
            read_files(folder, place)
    (folder / "models" / "b.yaml").write_text("#" * 1_000_001)
    with pytest.raises(ConfigError, match=r"models/b.yaml is larger than 1,000 KB"):
        read_files(folder, "models")
    for n in range(MAX_FILES + 1):
        (folder / "models" / "a" / f"{n}.yml").touch()
    with pytest.raises(ConfigError, match="YAML files"):
        read_files(folder, "models")


@pytest.fixture
def opened(project: Path, home: Path) -> Iterator[Assistant]:
    context = ContextSettings(
        dbt="models", descriptions={"Moorings.berth_type": "the owner's word"}, metrics={"Occupancy": "by the owner"}
    )
    config = Config(home=home, url=str(project / "harbour.duckdb"), file=project / "nl2sql.toml", context=context)
    with nl2sql.connect(config=config, model=ScriptedModel("I cannot say.", "I cannot say.")) as assistant:
        yield assistant


def test_the_model_is_told_and_the_owner_has_the_last_word(opened: Assistant) -> None:
    moorings = opened.schema.find_table("moorings")
    assert moorings and moorings.comment == "One row for each berth that is let."
    told = {column.name: column.comment for column in moorings.columns}
    assert told == {"berth_type": "the owner's word", "metres": None, "skipper": "one of known, unknown"}
    assert "metres above chart datum" in opened.render_prompt()
    model = opened._get_chat_model(None)
    assert isinstance(model, ScriptedModel)
    opened.ask("How large is the quay length?")
    asked = str(model.sent[-1][-1]["content"])
    assert "quay length means metres of all boats together" in asked and "ccupancy" not in asked
    opened.ask("Which occupancy?")
    asked = str(model.sent[-1][-1]["content"])
    assert "Occupancy means by the owner" in asked and "out of berths" not in asked
    assert opened.database.unmatched_descriptions == ("raw.gone",)


def test_files_are_read_only_once_they_are_trusted(project: Path, home: Path, trust: Trust) -> None:
    schema = project / "models" / "marts" / "schema.yml"
    schema.write_text("not: [valid")
    config = load_config(start=project)
    assert add_dbt(config).context == ContextSettings(), "not even looked at"
    assert "context.dbt is ignored" in config.notes[0]
    schema.write_text(MOORINGS)
    trust(project)
    config = load_config(start=project)
    assert config.notes == () and add_dbt(config).context.metrics["occupancy"]
    schema.write_text(MOORINGS.replace("berths let", "anything"))
    (project / "models" / "more.yml").write_text("models: [{name: more, description: new}]")
    config = load_config(start=project)
    assert config.notes == (
        "the dbt files models/marts/schema.yml and models/more.yml are ignored, for you have not trusted them "
        f"as they are now. Read them, then: nl2sql trust {project}",
    )
    assert add_dbt(config).context.dbt_notes == DbtNotes() and add_dbt(config).context.metrics == {}
    trust(project)
    assert len(add_dbt(load_config(start=project)).context.dbt_notes.tables) == 4


def test_a_link_that_leads_out_counts_only_where_it_is_trusted(project: Path, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere.yml"
    secret.write_text("models: [{name: moorings, description: secret}]")
    schema = project / "models" / "marts" / "schema.yml"
    schema.unlink()
    schema.symlink_to(secret)
    config = load_config(project / "nl2sql.toml")
    assert "models/marts/schema.yml is ignored" in config.notes[0]
    assert add_dbt(config).context.dbt_notes == DbtNotes()


def test_a_project_file_that_is_named_counts_with_its_dbt_files(project: Path, home: Path) -> None:
    config = load_config(project / "nl2sql.toml")
    assert config.notes == () and add_dbt(config).context.metrics["quay length"]
    (home / "config.toml").write_text('[context]\ndbt = "models"')
    with pytest.raises(ConfigError, match="belongs to one project"):
        load_config(start=project)


def test_without_pyyaml_the_error_names_the_command(project: Path) -> None:
    code = (
        "import sys; sys.modules['yaml'] = None\n"
        "from pathlib import Path; from nl2sql.config import add_dbt, load_config\n"
        f"config = load_config(Path({str(project / 'nl2sql.toml')!r}))\n"
        "try: add_dbt(config)\nexcept Exception as exc: print(exc.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout.strip() == "Install it: pip install 'nl2sql[dbt]'", done.stderr


def test_yaml_is_loaded_only_where_it_is_needed() -> None:
    code = "import sys, nl2sql.connection; print('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
