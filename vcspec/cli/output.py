"""Where results and talk go: stdout is data, stderr is talk."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from vcspec.model.address import without_secrets

FAST = 10  # a second; slower rates are told with two digits
A_LINE = 30.0  # seconds between lines that tell a log of progress


def colour() -> bool:
    """Whether stdout is a terminal that shows colours, and nobody asked for none."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def width() -> int | None:
    """Columns of the terminal; None in a pipe, where nothing is wrapped."""
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


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
        click.echo(without_secrets(text), err=True)


@contextmanager
def progress_bar(
    what: str, *, quiet: bool, in_bytes: bool = False
) -> Iterator[Callable[[int, int], None] | None]:
    """A bar of one thing that takes (done, in all), or what `work_bar` has in its place."""
    with work_bar(quiet=quiet, in_bytes=in_bytes) as advance:
        yield None if advance is None else lambda done, total: advance(done, total, what)


@contextmanager
def work_bar(
    *, quiet: bool, in_bytes: bool = False
) -> Iterator[Callable[[int, int, str], None] | None]:
    """A bar with rate and time left that takes (done, in all, what); lines where no terminal is."""
    if quiet or not sys.stderr.isatty():
        yield None if quiet else _Lines(in_bytes=in_bytes)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts = MofNCompleteColumn(), TextColumn("{task.fields[rate]}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        *((DownloadColumn(), TransferSpeedColumn()) if in_bytes else counts),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
    ) as bar:

        def advance(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, rate="")
            task = bar.tasks[tasks[what]]
            if done < task.completed:  # it has begun again, on another store
                bar.reset(task.id, total=total, rate="")
            rate = done / task.elapsed if task.elapsed else 0.0
            told = f"{rate:,.0f}/s" if rate >= FAST else f"{rate:.2g}/s" if rate else ""
            bar.update(task.id, completed=done, total=total, rate=told)

        yield advance


class _Lines:
    """Tells a log how far work has come: a line for each `A_LINE` seconds, and none before."""

    def __init__(self, *, in_bytes: bool) -> None:
        self._in_bytes = in_bytes
        self._told = time.monotonic()
        self._began: dict[str, float] = {}
        self._done: dict[str, int] = {}

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if done < self._done.get(what, done + 1):  # the first of it, or it has begun again
            self._began[what] = now
        self._done[what] = done
        if now - self._told < A_LINE:
            return
        self._told = now
        share = f" ({100 * done // total}%)" if total else ""
        rate = done / max(now - self._began[what], 1e-9)
        left = f", {(total - done) / rate:,.0f} s left" if done else ""
        number, of, each = map(self._shown, (done, total, rate))
        say(f"{what}: {number} of {of}{share}, {each}/s{left}")

    def _shown(self, number: float) -> str:
        if self._in_bytes:
            from vcspec.render.releases_text import size

            return size(number)
        return f"{number:,.0f}" if number >= FAST else f"{number:.2g}"


def limit_options(command: Any) -> Any:
    """Options that say what work may take; none of them changes a result."""
    options = [
        click.option(
            "--memory",
            metavar="BYTES",
            help="For controls and blocks of cells together, such as 2GiB; by default a quarter of "
            "what is available, of which a block takes 64MiB at most.",
        ),
        click.option("--workers", type=int, metavar="N", help="By default one for each processor."),
    ]
    return _with(options, command)


def engine_options(command: Any) -> Any:
    """The same, and who works; neither changes a result."""
    options = [
        click.option(
            "--engine",
            type=click.Choice(["threads", "dask"]),
            help="Who reads the cells: threads of this process, the default, or a Dask cluster.",
        ),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Of a Dask scheduler, such as tcp://host:8786; by default a cluster of this "
            "machine's own.",
        ),
    ]
    return limit_options(_with(options, command))


def _with(options: list[Any], command: Any) -> Any:
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def chosen_settings(
    memory: str | None,
    workers: int | None,
    engine: str | None = None,
    scheduler: str | None = None,
    *,
    quiet: bool,
) -> Iterator[None]:
    """In force within the block: settings by the options of a command, and a progress bar.

    Raises:
        click.UsageError: threads are to work, and a scheduler is named.
    """
    from vcspec.engine.budget import budget, parse_bytes, share_reserve
    from vcspec.engine.settings import Settings

    if engine == "threads" and scheduler:
        message = "--scheduler is of a Dask cluster; say --engine dask, or leave --scheduler out"
        raise click.UsageError(message)
    limits = budget(None if memory is None else parse_bytes(memory), workers)
    share_reserve()
    with work_bar(quiet=quiet) as progress:
        chosen = Settings(
            engine=engine or ("dask" if scheduler else "threads"),
            scheduler=scheduler or "",
            budget=limits,
            progress=progress,
            announce=lambda text: say(text, quiet=quiet),
        )
        with chosen.in_force():
            yield


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


def file_option(
    says: str, *, required: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that names a file to write; where none can be written, nothing is begun."""
    names = ("-o", "--output")
    return click.option(*names, metavar="FILE", required=required, callback=_writable, help=says)


def _writable(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from vcspec.storage.files import require_file

        require_file(Path(value))
    return value
