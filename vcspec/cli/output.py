"""Where results and talk go: stdout is data, stderr is talk."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


def colour() -> bool:
    """Whether stdout is a terminal that shows colours, and nobody asked for none."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def width() -> int | None:
    """Columns of the terminal; None in a pipe, where nothing is wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def emit(text: str, target: str | None = None) -> None:
    """Print a result, or write it to the file `target`."""
    if target is None:
        click.echo(text)
        return
    from vcspec.storage.files import write_text

    write_text(Path(target), text if text.endswith("\n") else text + "\n")
    say(f"wrote {target}")


def say(text: str, *, quiet: bool = False) -> None:
    """Talk to the person at the terminal."""
    if not quiet:
        click.echo(text, err=True)


@contextmanager
def progress_bar(
    what: str, *, quiet: bool, in_bytes: bool = False
) -> Iterator[Callable[[int, int], None] | None]:
    """A bar that takes (done, in all), on a terminal only; None elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    amount = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn(what), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def overwrite_option(command: Any) -> Any:
    """The option that replaces an existing store."""
    return click.option("--overwrite", is_flag=True, help="Replace a store that is already there.")(
        command
    )


def quiet_option(command: Any) -> Any:
    """The option that silences the talk."""
    return click.option("-q", "--quiet", is_flag=True, help="Print results and errors alone.")(
        command
    )
