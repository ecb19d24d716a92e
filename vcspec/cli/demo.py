"""`vcspec demo`."""

import time

import click

from vcspec.cli.output import colour, emit, overwrite_option, quiet_option, say, width


@click.command()
@click.argument("dataset", default="simulated-screen")
@click.option(
    "--folder", default="vcspec-demo", show_default=True, help="Where to leave everything."
)
@overwrite_option
@quiet_option
def demo(dataset: str, folder: str, *, overwrite: bool, quiet: bool) -> None:
    """Make, validate and score a whole benchmark in a folder.

    By default a screen is simulated and no network is needed; `vcspec demo norman-mcfaline` does
    the same on real cells. Every step is a command; the folder's README.md lists them.
    """
    from vcspec.actions.demo import demo as action
    from vcspec.render.scorecard_text import render_comparison

    start = time.monotonic()

    def announce(command: str) -> None:
        say(f"[{time.monotonic() - start:5.1f} s] {command}", quiet=quiet)

    cards = action(dataset, folder, announce=announce, overwrite=overwrite)
    emit(render_comparison(cards, colour=colour(), width=width()))
    say(
        f"{time.monotonic() - start:.1f} s; everything is in {folder}, see {folder}/README.md",
        quiet=quiet,
    )
