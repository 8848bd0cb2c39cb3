"""What a project file that was found settles: a little before it is trusted, all of it afterwards, as it was read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nl2sql.config import Config, load_config
from nl2sql.config.project_file import find_database_problem
from nl2sql.errors import ConfigError
from nl2sql.store import VerifiedQueries
from nl2sql.types import Limits

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")
Trust = Callable[[Path], None]
EVERYTHING = """
[database]
url = "data/shop.duckdb"
include = ["o*"]
exclude = ["*_old"]
[model]
name = "m"
base_url = "http://127.0.0.1:9/v1"
protocol = "text"
temperature = 1
candidates = 3
choices = ["x"]
[limits]
rows = 5000
seconds = 2
memory = "8GB"
steps = 8
[policy]
deny_tables = ["pay"]
[context]
descriptions = {"orders.total" = "x"}
synonyms = {"orders.total" = ["x"]}
metrics = {"x" = "y"}
rules = ["Say yes."]
"""
IGNORED = (
    "model.name, model.base_url, model.protocol, model.temperature, model.candidates, model.choices, limits.rows, "
    "limits.memory, context.descriptions, context.synonyms, context.metrics and context.rules"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / "data").mkdir(parents=True)
    (tmp_path / "project" / "nl2sql.toml").write_text(EVERYTHING)
    return tmp_path / "project"


def write_query(folder: Path, name: str, text: str = "SELECT 1") -> Path:
    (folder / "queries").mkdir(exist_ok=True)
    path = folder / "queries" / f"{name}.sql"
    path.write_text(f"-- question: {name}?\n{text}")
    return path


def names(config: Config) -> list[str]:
    return [query.name for query in VerifiedQueries.open_for_project(config).list()]


def test_before_trust_it_names_data_of_its_own_and_makes_things_stricter(project: Path) -> None:
    config = load_config(start=project / "data")
    assert config.url == str(project / "data" / "shop.duckdb") and config.file == project / "nl2sql.toml"
    assert (config.include, config.exclude, config.policy.deny_tables) == (("o*",), ("*_old",), frozenset({"pay"}))
    assert config.limits == Limits(seconds=2.0) and config.model.is_local and config.context == Config(project).context
    (note,) = config.notes
    assert note == (
        f"{project / 'nl2sql.toml'} is not trusted, so {IGNORED} are ignored. Read it, then: nl2sql trust {project}"
    )


def test_what_changes_nothing_is_not_told(project: Path) -> None:
    (project / "nl2sql.toml").write_text("[model]\ntemperature = 0\n[limits]\nrows = 1000\n[context]\nrules = []")
    assert load_config(start=project).notes == ()


def test_trusted_it_counts_until_it_changes(project: Path, trust: Trust) -> None:
    trust(project)
    config = load_config(start=project)
    assert config.notes == () and config.is_found
    assert (config.model.name, config.limits.rows, config.context.rules) == ("m", 5000, ("Say yes.",))
    with (project / "nl2sql.toml").open("a") as file:
        file.write("# and more\n")
    config = load_config(start=project)
    assert config.model.is_local and "has changed since you trusted it" in config.notes[0]
    (project / "nl2sql.toml").write_text(EVERYTHING)
    assert load_config(start=project).model.name == "m", "content that was agreed to is agreed to"


def test_a_file_that_is_named_counts_in_full(project: Path) -> None:
    write_query(project, "a")
    config = load_config(project / "nl2sql.toml")
    assert config.model.name == "m" and config.limits.rows == 5000 and names(config) == ["a"]
    assert config.notes == () and not config.is_found


def test_a_policy_is_never_undone(project: Path, home: Path, trust: Trust) -> None:
    own = '[database]\nexclude = ["secret"]\n[policy]\ndeny_columns = ["pay.sum"]\n[limits]\nrows = 3\nseconds = 1'
    (home / "config.toml").write_text(own)
    (project / "nl2sql.toml").write_text("[database]\nexclude = []\n[policy]\ndeny_columns = []\n[limits]\nrows = 4\n")
    config = load_config(start=project)
    assert config.policy.deny_columns == {"pay.sum"} and config.exclude == ("secret",)
    assert (config.limits.rows, config.limits.seconds) == (3, 1.0) and "limits.rows is ignored" in config.notes[0]
    trust(project)
    config = load_config(start=project)
    assert config.policy.deny_columns == {"pay.sum"} and config.limits.rows == 4


def test_tables_that_the_user_chose_stay_chosen(project: Path, home: Path) -> None:
    (home / "config.toml").write_text('[database]\ninclude = ["orders"]')
    (project / "nl2sql.toml").write_text('[database]\ninclude = ["*"]')
    config = load_config(start=project, url="other.duckdb")
    assert config.include == ("orders",) and "database.include is ignored" in config.notes[0]


@pytest.mark.parametrize(
    ("url", "clause"),
    [
        ("../other.csv", "outside its folder"),
        ("data/../../other.csv", "outside its folder"),
        ("/etc/hostname", "outside its folder"),
        ("out.csv", "outside its folder"),
        ("out/hostname", "outside its folder"),
        ("data/deep.csv", "outside its folder"),
        ("~/x.csv", "outside its folder"),
        ("~root/x.csv", "outside its folder"),
        ("~nobody-of-that-name/x.csv", "outside its folder"),
        ("/proc/self/cwd/x.csv", "outside its folder"),
        ("..", "outside its folder"),
        ("//etc/hostname", "outside its folder"),
        ("file:///etc/hostname", "by an address"),
        ("file://x.csv", "by an address"),
        ("postgresql://me@host/db", "by an address"),
        ("md://x", "by an address"),
        ("${HOME}/x.csv", "by a variable"),
        ("data/${HOME", "by a variable"),
    ],
)
def test_a_database_elsewhere_waits_for_trust(
    project: Path, home: Path, url: str, clause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "out.csv").symlink_to("/etc/hostname")
    (project / "out").symlink_to("/etc")
    (project / "data" / "deep.csv").symlink_to("../../other.csv")
    (home / "config.toml").write_text('[database]\nurl = "/mine.duckdb"\n[trust]\nvariables = ["HOME"]')
    (project / "nl2sql.toml").write_text(f'[database]\nurl = "{url}"')
    config = load_config(start=project)
    assert config.notes == () and config.url is None
    with pytest.raises(ConfigError, match=r"names .*database") as caught:
        config.resolve_database()
    assert clause in caught.value.message and caught.value.message.endswith("is not trusted")
    assert f"nl2sql trust {project}" in caught.value.hint and "--db" in caught.value.hint
    assert load_config(start=project, url="mine.csv").resolve_database() == "mine.csv"
    monkeypatch.setenv("NL2SQL_DB", "mine.csv")
    assert load_config(start=project).resolve_database() == "mine.csv"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (".", ""),
        ("data", "data"),
        ("./data/../x.csv", "x.csv"),
        ("in.csv", "data/real.csv"),
        ("no/such/file.csv", "no/such/file.csv"),
        ("a:b.csv", "a:b.csv"),
        ("./~/x.csv", "~/x.csv"),
    ],
)
def test_a_database_in_the_folder_is_named_without_links(project: Path, url: str, place: str) -> None:
    (project / "data" / "real.csv").write_text("a\n1\n")
    (project / "in.csv").symlink_to("data/real.csv")
    (project / "nl2sql.toml").write_text(f'[database]\nurl = "{url}"')
    assert load_config(start=project).resolve_database() == str((project / place).resolve())
    assert find_database_problem(str(project / "data"), project) == ""


def test_a_database_elsewhere_is_opened_once_trusted(project: Path, trust: Trust) -> None:
    (project / "nl2sql.toml").write_text('[database]\nurl = "../other.csv"')
    trust(project)
    assert load_config(start=project).resolve_database() == str(project / "../other.csv")
    (project / "nl2sql.toml").write_text('[database]\nurl = "../another.csv"')
    with pytest.raises(ConfigError, match="has changed since you trusted it"):
        load_config(start=project).resolve_database()


@AS_ROOT
@pytest.mark.parametrize("given_away", ["nl2sql.toml", "."])
def test_a_strangers_file_is_not_used_and_hides_none(project: Path, trust: Trust, given_away: str) -> None:
    (project.parent / "nl2sql.toml").write_text('[policy]\ndeny_tables = ["above"]')
    write_query(project, "a")
    os.chown(project / given_away, NOBODY, -1)
    config = load_config(start=project / "data")
    assert config.file == project.parent / "nl2sql.toml" and config.policy.deny_tables == frozenset({"above"})
    assert config.url is None and config.limits == Limits()
    (note,) = config.notes
    assert note.startswith(f"{project / 'nl2sql.toml'} is not used: it") and f"nl2sql trust {project}" in note
    trust(project)
    config = load_config(start=project)
    assert config.model.name == "m" and names(config) == ["a"] and config.notes == ()


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize("nearest", ["", '[policy]\ndeny_tables = ["other"]\n[limits]\nrows = 400\nseconds = 3'])
def test_no_nearer_file_undoes_what_one_above_denies(
    project: Path, trust: Trust, nearest: str, is_trusted: bool
) -> None:
    text = '[policy]\ndeny_tables = ["pay"]\nallow_tables = ["pay", "orders"]\n[limits]\nrows = 300\nsteps = 99\n'
    (project / "nl2sql.toml").write_text(f'[database]\nurl = "x.csv"\n[context]\nrules = ["above"]\n{text}')
    below = project / "data" / "deep" / "nl2sql.toml"
    below.parent.mkdir()
    below.write_text(nearest)
    if is_trusted:
        trust(below.parent)
        trust(project)
    config = load_config(start=below.parent)
    assert config.file == below and config.notes == () and config.stricter_files == (project / "nl2sql.toml",)
    assert config.policy.deny_tables == ({"pay", "other"} if nearest else {"pay"})
    assert (
        config.policy.allow_tables == frozenset({"pay", "orders"})
        and config.limits.rows == 300
        and config.limits.steps == 8
    )
    assert config.limits.seconds == (3.0 if nearest else 10.0)
    assert config.url is None and config.context.rules == (), "all else is the nearest's"


def test_a_trusted_file_may_raise_what_one_above_only_raised(project: Path, trust: Trust) -> None:
    (project / "nl2sql.toml").write_text("[limits]\nrows = 2000\nseconds = 2")
    (project / "data" / "nl2sql.toml").write_text("[limits]\nrows = 5000\nseconds = 60")
    trust(project / "data")
    assert load_config(start=project / "data").limits == Limits(rows=5000, seconds=2.0)


def test_a_broken_file_above_is_an_error(project: Path) -> None:
    (project / "nl2sql.toml").write_text('[policy]\ndeny_tabels = ["pay"]')
    (project / "data" / "nl2sql.toml").write_text("")
    with pytest.raises(ConfigError, match="deny_tabels"):
        load_config(start=project / "data")


def test_a_named_file_does_not_undo_what_a_found_one_denies(project: Path) -> None:
    named = project.parent / "named.toml"
    named.write_text('[policy]\ndeny_tables = ["other"]')
    config = load_config(named, start=project / "data")
    assert config.file == named and not config.is_found and config.policy.deny_tables == {"other", "pay"}
    assert config.url is None and config.limits == Limits() and config.model.is_local and config.exclude == ()
    assert config.notes == (
        f"what the policy of {project / 'nl2sql.toml'} denies stays denied; nothing else of that file is used",
    )
    named.write_text('[policy]\ndeny_tables = ["other", "pay"]')
    assert load_config(named, start=project / "data").notes == (), "it denies nothing further"
    assert load_config(project / "nl2sql.toml", start=project).notes == ()
    (project / "nl2sql.toml").chmod(0o666)
    assert load_config(named, start=project).notes == ()
    named.write_text("")
    config = load_config(named, start=project)
    assert config.policy.deny_tables == set() and "is not used: it can be changed by other users" in config.notes[0]


@pytest.mark.parametrize(
    ("spoil", "advice"),
    [
        (lambda file: file.chmod(0o666), "chmod go-w {file}. Or read it, then: nl2sql trust {folder}"),
        (lambda file: file.parent.chmod(0o777), "chmod go-w {folder}. Or read it, then: nl2sql trust {folder}"),
        (lambda file: file.rename(file.parent.parent / "x") and file.symlink_to("../x"), "Read it, then: nl2sql trust"),
        pytest.param(lambda file: os.chown(file, NOBODY, -1), "Read it, then: nl2sql trust", marks=AS_ROOT),
    ],
)
def test_sample_data_does_not_replace_an_ignored_file(
    project: Path, home: Path, trust: Trust, spoil: Callable[[Path], object], advice: str
) -> None:
    file = project / "nl2sql.toml"
    spoil(file)
    config = load_config(start=project)
    with pytest.raises(ConfigError, match="is not used: it") as caught:
        config.resolve_database()
    assert str(file) in caught.value.message and "--db" in caught.value.hint
    assert advice.format(file=file, folder=project) in caught.value.hint
    assert load_config(start=project, url="mine.csv").resolve_database() == "mine.csv"
    (project.parent / "nl2sql.toml").write_text("")
    with pytest.raises(ConfigError, match="is not used: it"):
        load_config(start=project).resolve_database()
    (home / "config.toml").write_text('[database]\nurl = "/mine.duckdb"')
    assert load_config(start=project).resolve_database() == "/mine.duckdb"
    trust(project)
    assert load_config(start=project).resolve_database() == str(project / "data" / "shop.duckdb")


def test_a_broken_file_of_a_stranger_breaks_nothing(project: Path) -> None:
    (project / "nl2sql.toml").write_text("[broken")
    project.chmod(0o1777)
    assert "can be changed by other users" in load_config(start=project).notes[0]
    (project / "nl2sql.toml").write_text("x" * 2_000_000)
    (project.parent / "nl2sql.toml").write_text("")
    config = load_config(start=project)
    assert "can be changed by other users" in config.notes[0] and config.file == project.parent / "nl2sql.toml"
    project.chmod(0o700)
    with pytest.raises(ConfigError, match="larger than"):
        load_config(start=project)


def test_a_link_to_a_file_elsewhere_is_used_once_trusted(project: Path, trust: Trust) -> None:
    elsewhere = project.parent / "elsewhere.toml"
    (project / "nl2sql.toml").rename(elsewhere)
    (project / "nl2sql.toml").symlink_to(elsewhere)
    config = load_config(start=project)
    assert config.file is None and "a link that leads out of its folder" in config.notes[0]
    trust(project)
    assert load_config(start=project).model.name == "m"
    elsewhere.write_text(EVERYTHING + "# more")
    assert load_config(start=project).file is None


def test_non_regular_file_is_skipped(project: Path) -> None:
    (project / "nl2sql.toml").unlink()
    (project.parent / "nl2sql.toml").write_text("")
    for make in (os.mkfifo, os.mkdir, lambda path: Path(path).symlink_to("/dev/zero")):
        make(project / "nl2sql.toml")
        assert load_config(start=project).file == project.parent / "nl2sql.toml"
        (project / "nl2sql.toml").rename(project / f"old{make}")


def test_a_start_with_dots_looks_above_and_not_below(project: Path) -> None:
    (project.parent / "nl2sql.toml").write_text("")
    assert load_config(start=project / "data" / "..").file == project / "nl2sql.toml"
    assert load_config(start=project / "..").file == project.parent / "nl2sql.toml"


def test_the_command_of_a_note_quotes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a; rm -rf x"
    folder.mkdir()
    (folder / "nl2sql.toml").write_text('[model]\nname = "m"')
    (note,) = load_config(start=folder).notes
    assert note.endswith(f"nl2sql trust '{folder}'")


def test_notes_are_lines_whatever_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "a\nnote: fine\x1b[31m\u202e; rm -rf x"
    folder.mkdir()
    (folder / "nl2sql.toml").write_text('[model]\nname = "m"')
    write_query(folder, "q\x1b[2J\nerror: none")
    (note,) = load_config(start=folder).notes
    assert not set("\x1b\n\u202e") & set(note) and "the verified query q [2J error: none" in note
    assert note.endswith("then: nl2sql trust (in that folder, whose name cannot be written here)")


def test_queries_count_one_by_one(project: Path, trust: Trust) -> None:
    write_query(project, "a")
    config = load_config(start=project)
    assert names(config) == [] and "context.rules and the verified query a are ignored" in config.notes[0]
    trust(project)
    assert names(load_config(start=project)) == ["a"]
    write_query(project, "b")
    config = load_config(start=project)
    assert names(config) == ["a"] and config.model.name == "m"
    assert config.notes == (
        f"the verified query b is ignored, for you have not trusted it. Read it, then: nl2sql trust {project}",
    )
    write_query(project, "a", "SELECT 2")
    config = load_config(start=project)
    assert names(config) == [] and "the verified queries a and b are ignored" in config.notes[0]
    assert "for you have not trusted them as they are now. Read them" in config.notes[0]
    (project / "queries" / "b.sql").unlink()
    (note,) = load_config(start=project).notes
    assert note.startswith("the verified query a is ignored, for it has changed since you trusted it. Read it")
    (problem,) = VerifiedQueries.open_for_project(config).list_problems()
    assert problem.message == "queries/a.sql: it has changed since you trusted it"
    write_query(project, "b")
    write_query(project, "c")
    write_query(project, "d")
    assert "4 verified queries are ignored" in load_config(start=project).notes[0]


def test_linked_query_needs_trust_even_beside_a_named_file(project: Path, trust: Trust) -> None:
    write_query(project, "a")
    other = write_query(project.parent, "other")
    (project / "queries" / "b.sql").symlink_to(other)
    (project / "queries" / "c.sql").symlink_to("a.sql")
    config = load_config(project / "nl2sql.toml")
    assert names(config) == ["a", "c"] and "the verified query b is ignored, for it is a link that" in config.notes[0]
    (problem,) = VerifiedQueries.open_for_project(config).list_problems()
    assert problem.message == "queries/b.sql: it is a link that leads out of its folder"
    trust(project)
    assert names(load_config(project / "nl2sql.toml")) == ["a", "b", "c"]
    other.write_text("-- question: Another?\nSELECT 2")
    assert names(load_config(project / "nl2sql.toml")) == ["a", "c"]
