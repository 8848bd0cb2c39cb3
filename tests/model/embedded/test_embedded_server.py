"""One server for each user: started once, reused, replaced when it does not fit, and always ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from nl2sql.cancellation import CancelToken
from nl2sql.errors import CancelledError, ConfigError, ModelError
from nl2sql.model.embedded.embedded_server import ensure_server, read_status, stop_server
from nl2sql.model.embedded.server_process import count_threads
from nl2sql.model.embedded.server_state import HostOrder, ServerFolder, ServerInfo, ServerSettings

Gguf = Callable[[str], Path]
Eventually = Callable[[Callable[[], bool]], None]
Command = tuple[str, ...]

STARTER = """
import sys
from pathlib import Path
from nl2sql.model.embedded.embedded_server import ensure_server
home, model, *command = sys.argv[1:]
print(ensure_server(Path(home), Path(model), host_command=command).instance, flush=True)
if not sys.stdin.closed:
    sys.stdin.read()
"""


def starter(home: Path, model: Path, command: Command) -> subprocess.Popen[str]:
    """A command of its own process group that makes sure of the server, and then waits for its stdin to end."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(home), str(model), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def starts(folder: ServerFolder) -> list[str]:
    return (folder.path / "starts").read_text().split()


def test_a_server_starts_and_is_reused(home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command) -> None:
    told: list[str] = []
    first = ensure_server(
        home, gguf("m"), host_command=host_command, on_progress=lambda what, done, total: told.append(what)
    )
    second = ensure_server(home, gguf("m"), host_command=host_command)
    assert first == second and first.is_healthy(5.0)
    assert starts(folder) == [first.instance]
    assert first.model == "m" and first.pid != os.getpid()
    assert told == ["starting the embedded model"]
    if os.name == "posix":
        assert folder.state_file.stat().st_mode & 0o777 == 0o600
        assert folder.log_file.stat().st_mode & 0o777 == 0o600


def test_the_key_is_not_shown_and_not_in_the_process_list(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command
) -> None:
    info = ensure_server(home, gguf("m"), host_command=host_command)
    assert info.api_key not in repr(info)
    order = HostOrder("f", "p", "m", "w", "1", "i", info.api_key)
    assert info.api_key not in repr(order) and HostOrder.decode(order.encode()) == order
    if sys.platform == "linux":
        shown = Path(f"/proc/{info.pid}/cmdline").read_bytes() + Path(f"/proc/{info.pid}/environ").read_bytes()
        assert info.api_key.encode() not in shown


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_of_the_environment_the_host_gets_no_keys_and_no_relative_paths(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-user")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", f":lib:{tmp_path}:")
    with starter(home, gguf("m"), host_command) as command:
        assert command.stdout and command.stdout.readline()
        info = folder.read()
        assert info
        variables = Path(f"/proc/{info.pid}/environ").read_bytes().split(b"\0")
        command.communicate()
    assert f"LD_LIBRARY_PATH={tmp_path}".encode() in variables
    names = {variable.partition(b"=")[0] for variable in variables}
    assert not names & {b"OPENAI_API_KEY", b"PYTHONPATH", b"NL2SQL_HOME"}


@pytest.mark.local_model
def test_the_host_runs_no_code_that_lies_where_it_works(
    home: Path, folder: ServerFolder, gguf: Gguf, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    folder.path.mkdir()
    for name in ("json", "sitecustomize", "usercustomize", "filelock", "xllamacpp", "nl2sql/__init__"):
        trap = folder.path / f"{name}.py"
        trap.parent.mkdir(exist_ok=True)
        trap.write_text(f"import os\nos.close(os.open({str(mark)!r}, os.O_CREAT))\n")
    with pytest.raises(ModelError, match="did not start"):
        ensure_server(home, gguf("no model at all"))
    log = folder.log_file.read_text("utf-8")
    assert "no model at all" in log or "gguf" in log.lower(), log
    assert not mark.exists()


def test_many_commands_at_once_start_one_host(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command
) -> None:
    commands = [starter(home, gguf("slow"), host_command) for _ in range(6)]
    instances = {command.communicate()[0].strip() for command in commands}
    assert [command.returncode for command in commands] == [0] * 6
    assert len(instances) == 1
    assert set(starts(folder)) == instances and len(starts(folder)) == 1


@pytest.mark.skipif(os.name != "posix", reason="process groups")
def test_ctrl_c_in_the_starting_command_leaves_the_server(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command
) -> None:
    with starter(home, gguf("m"), host_command) as command:
        assert command.stdout
        instance = command.stdout.readline().strip()
        os.killpg(command.pid, signal.SIGINT)
        command.communicate()
    assert ensure_server(home, gguf("m"), host_command=host_command).instance == instance


def test_a_cancelled_start_goes_on_loading_for_the_next_command(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command, eventually: Eventually
) -> None:
    cancel = CancelToken()

    def cancel_while_it_loads() -> None:
        eventually((folder.path / "starts").exists)
        cancel.cancel()

    timer = threading.Thread(target=cancel_while_it_loads)
    timer.start()
    with pytest.raises(CancelledError):
        ensure_server(home, gguf("slow"), host_command=host_command, cancel=cancel)
    timer.join()
    assert [ensure_server(home, gguf("slow"), host_command=host_command).instance] == starts(folder)


def test_stop_ends_it(home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command) -> None:
    info = ensure_server(home, gguf("m"), host_command=host_command)
    assert stop_server(home)
    assert not info.is_healthy(1.0) and not folder.is_host_running() and folder.read() is None
    assert not stop_server(home)


def test_a_state_file_of_a_dead_host_is_replaced(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command, eventually: Eventually
) -> None:
    first = ensure_server(home, gguf("m"), host_command=host_command)
    os.kill(first.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    eventually(lambda: not folder.is_host_running())
    folder.write(first)
    assert read_status(home).server is None
    second = ensure_server(home, gguf("m"), host_command=host_command)
    assert second.instance != first.instance and second.is_healthy(5.0)


def test_a_reused_process_id_is_not_killed(home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command) -> None:
    first = ensure_server(home, gguf("m"), host_command=host_command)
    stop_server(home)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        folder.write(replace(first, pid=stranger.pid))
        assert not stop_server(home)
        folder.write(replace(first, pid=stranger.pid))
        assert ensure_server(home, gguf("m"), host_command=host_command).pid != stranger.pid
        assert stranger.poll() is None
        stranger.communicate(b"\n")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": 1}', '{"settings": 3}'])
def test_a_garbled_state_file_is_replaced(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command, text: str
) -> None:
    folder.path.mkdir(parents=True)
    folder.state_file.write_text(text)
    assert folder.read() is None
    if text == "{":
        assert ensure_server(home, gguf("m"), host_command=host_command).is_healthy(5.0)


def test_another_server_on_the_port_is_not_taken_for_ours(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command
) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b'{"data": [{"id": "somebody-else"}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    first = ensure_server(home, gguf("m"), host_command=host_command)
    stop_server(home)
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        impostor = replace(first, port=server.server_address[1])
        folder.write(impostor)
        assert not impostor.is_healthy(5.0)
        assert ensure_server(home, gguf("m"), host_command=host_command).instance != first.instance
        server.shutdown()


def test_other_weights_settings_or_versions_replace_the_server(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command
) -> None:
    def ensure(model: str = "m", settings: ServerSettings | None = None) -> ServerInfo:
        return ensure_server(home, gguf(model), settings=settings, host_command=host_command)

    seen = [ensure()]
    seen.append(ensure("other"))
    seen.append(ensure("other", ServerSettings(context=2048)))
    folder.write(replace(seen[-1], version="0.0.0"))
    seen.append(ensure("other", ServerSettings(context=2048)))
    assert starts(folder) == [info.instance for info in seen]
    assert [info.is_healthy(1.0) for info in seen] == [False, False, False, True]


def test_a_start_that_fails_says_why(home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command) -> None:
    with pytest.raises(ModelError) as raised:
        ensure_server(home, gguf("broken"), host_command=host_command)
    assert "failed to load 'broken.gguf': no such tensor" in raised.value.message
    assert str(home) not in raised.value.message and str(gguf("broken").parent) not in raised.value.message
    assert "NL2SQL_MODEL_PATH" in raised.value.hint
    assert not folder.is_host_running() and folder.read() is None


def test_an_unused_server_ends(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command, eventually: Eventually
) -> None:
    info = ensure_server(home, gguf("m"), settings=ServerSettings(idle_seconds=0.4), host_command=host_command)
    (folder.path / "busy").touch()
    time.sleep(1.0)
    assert info.is_healthy(5.0), "it ended in the middle of an answer"
    (folder.path / "busy").unlink()
    eventually(lambda: not folder.is_host_running())
    assert folder.read() is None


def test_a_server_whose_state_file_is_gone_ends(
    home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command, eventually: Eventually
) -> None:
    ensure_server(home, gguf("m"), settings=ServerSettings(idle_seconds=2.0), host_command=host_command)
    folder.forget()
    eventually(lambda: not folder.is_host_running())


def test_status_tells_what_is_there(home: Path, folder: ServerFolder, gguf: Gguf, host_command: Command) -> None:
    before = read_status(home)
    assert before.weights is None and before.server is None and before.idle_seconds is None
    info = ensure_server(home, gguf("m"), host_command=host_command)
    after = read_status(home, gguf("m"))
    assert after.server == info and after.weights and after.weights.name == "m"
    assert after.idle_seconds is not None and after.idle_seconds < 60
    if sys.platform == "linux":
        assert after.memory_bytes and after.memory_bytes > 1_000_000


def test_a_home_that_cannot_be_written_says_so(tmp_path: Path, gguf: Gguf, host_command: Command) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelError, match="cannot be started") as raised:
        ensure_server(tmp_path / "file", gguf("m"), host_command=host_command)
    assert "NL2SQL_HOME" in raised.value.hint


def test_a_model_path_that_is_no_model_is_a_mistake_in_the_settings(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        ensure_server(home, tmp_path / "none.gguf")
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ConfigError, match="not a GGUF file"):
        ensure_server(home, tmp_path / "text.gguf")


@pytest.mark.skipif(sys.platform != "linux", reason="affinity")
def test_threads_follow_the_processors_that_are_ours() -> None:
    code = (
        "import os, nl2sql.model.embedded.server_process as h; os.sched_setaffinity(0, {0}); print(h.count_threads())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "1"
    assert 1 <= count_threads() <= (os.cpu_count() or 1)
