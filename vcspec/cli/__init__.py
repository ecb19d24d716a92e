"""The command line: parse, call one action, render, end with an exit code."""

import atexit
import gc
import logging
import os
import sys
from importlib import import_module

import click

from vcspec.model.address import without_secrets
from vcspec.model.errors import Invalid, VcspecError
from vcspec.version import __version__

LONGEST = 8_000  # characters of a message, which is one line whatever an artefact says
UNFINISHED, BUG = 3, 5
NEW_OBJECTS = 200_000  # between looks for garbage: loading makes many objects that all stay

# Command → module of this room that holds it, loaded when the command is used.
COMMANDS = {
    "demo": "demo",
    "validate": "checking",
    "score": "scoring",
    "pool": "pooling",
    "compare": "comparing",
    "probe": "probing",
    "verify": "scoring",
    "convert": "converting",
    "curate": "making",
    "merge": "merging",
    "split": "splitting",
    "difficulty": "measuring",
    "audit": "auditing",
    "manifest": "auditing",
    "reference": "making",
    "template": "making",
    "baseline": "making",
    "seal": "making",
    "export": "exporting",
    "publish": "publishing",
    "withdraw": "publishing",
    "registry": "publishing",
    "fetch": "fetching",
    "datasets": "fetching",
    "splits": "fetching",
    "cache": "fetching",
    "explain": "explaining",
    "rules": "explaining",
}


class LazyGroup(click.Group):
    """Loads the module of a command when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"vcspec.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in COMMANDS])


SUMMARIES = {
    "demo": "Make, validate and score a whole benchmark in a folder.",
    "validate": "Say what is wrong with an artefact, or that nothing is.",
    "score": "Score predictions against their split's reference.",
    "probe": "Score what knows nothing, and say which metric lets it pass.",
    "pool": "Put the scorecards of all folds together as one.",
    "compare": "Say which of several models is better, and how sure that is.",
    "verify": "Recompute a scorecard and compare.",
    "convert": "Turn an AnnData file into a dataset or predictions.",
    "curate": "Build a dataset of the library from its sources.",
    "merge": "Write several datasets as one.",
    "split": "Decide who may see what of a dataset.",
    "difficulty": "Say how hard a split is, and if it can rank.",
    "audit": "Look for ways in which the answer reaches a model.",
    "manifest": "List what a model was trained on, down to its cells.",
    "reference": "Compute what the scorer needs to know of the truth.",
    "template": "Write empty predictions for a split.",
    "baseline": "Write the predictions of a baseline.",
    "seal": "Give a store its manifest.",
    "export": "Describe a store for portals, citations and signing.",
    "publish": "Publish a dataset, split or reference, once and for all.",
    "withdraw": "Say that a release should not be used any more.",
    "registry": "List what is published at a place.",
    "fetch": "Fetch what was published, checked byte for byte.",
    "datasets": "Search datasets.",
    "splits": "Search splits.",
    "cache": "Look after what was fetched.",
    "explain": "Explain a rule, metric, strategy or any other entry.",
    "rules": "List the rules.",
}


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 invalid, 2 usage, 3 could not check or finish, 4 unsupported "
    "version or refused as unsafe, 5 a bug in vcspec, 130 interrupted.",
)
@click.version_option(__version__, prog_name="vcspec")
def cli() -> None:
    """Make virtual-cell models comparable: validate, score and explain.

    Start with `vcspec demo`. With a model of your own: `vcspec template SPLIT out.zarr`, fill it,
    `vcspec validate out.zarr`, `vcspec score out.zarr`.

    One task exists: what a perturbation does to cells, in counts, intensities, z-scores or ranks of
    genes or any other features (`vcspec explain perturbation-response`).
    """


def main() -> None:
    """Run the command line, and end with one of the exit codes.

    Raises:
        KeyboardInterrupt: Ctrl-C, of which `vcspec.__main__` tells.
    """
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(gc.freeze)  # else all objects are looked through when the process ends
    logging.getLogger().addHandler(logging.NullHandler())  # what drivers log is told by errors
    try:
        sys.exit(cli.main(prog_name="vcspec", standalone_mode=False) or 0)
    except click.exceptions.Abort:  # which click makes of Ctrl-C
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        # The reader of a pipe has gone; nothing is left to say, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw is a bug of ours, and says so
        sys.exit(_told(error))


def _told(error: Exception) -> int:
    """Say what went wrong; the exit code."""
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, VcspecError):
        _report(error)
        return error.exit_code
    if isinstance(error, OSError):
        _say(f"{error.filename or 'a file'}: {error.strerror or error}")
        return UNFINISHED
    import traceback

    click.echo(without_secrets("".join(traceback.format_exception(error))), err=True, nl=False)
    _say("this is a bug in vcspec; please report it with the lines above")
    return BUG


def _report(error: VcspecError) -> None:
    if isinstance(error, Invalid) and error.report is not None:
        from vcspec.render import render_report

        click.echo(render_report(error.report, "text"), err=True)
    _say(str(error))


def _say(text: str) -> None:
    from vcspec.render.report_text import shown

    click.echo(f"vcspec: {shown(without_secrets(text), LONGEST)}", err=True)
