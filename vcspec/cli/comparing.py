"""`vcspec compare`."""

import click

from vcspec.cli.output import colour, emit, file_option, width


@click.command(
    epilog="""Examples:

\b
  vcspec compare mine.json other.json
  vcspec compare *.json --pairs
  vcspec compare *.json --within effect
  vcspec compare a.json b.json --format csv -o ranks.csv"""
)
@click.argument("cards", nargs=-1, required=True, metavar="CARD CARD…")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
)
@file_option("Write to FILE in place of the terminal.")
@click.option("--pairs", is_flag=True, help="Print the difference of every two models as well.")
@click.option(
    "--within",
    type=click.Choice(["context", "effect", "training-contexts", "study", "fold"]),
    help="Print how far metrics order the models alike, within each of these.",
)
@click.option("--all", "all_", is_flag=True, help="Print all metrics, not the headline alone.")
def compare(
    cards: tuple[str, ...],
    format_: str,
    output: str | None,
    within: str | None,
    *,
    pairs: bool,
    all_: bool,
) -> None:
    """Say which of several models is better, and how sure that is.

    CARDs are scorecards (`vcspec score … -o CARD`) of one question: one split, reference, suite and
    version. Conditions are drawn anew for all models together; a rank comes with its range, and
    models that the conditions cannot tell apart share a tier.

    CSV holds one table of all metrics: the ranks, or what --pairs or --within asks for.
    """
    if format_ == "csv" and pairs and within:
        message = "a CSV file holds one table: ask for --pairs or for --within"
        raise click.UsageError(message)
    from vcspec.actions.compare import compare as action

    league = action(cards, within=within or "context")
    if format_ == "json":
        emit(league.to_json(), output)
        return
    from vcspec.render.league_text import render_csv, render_league

    if format_ == "csv":
        table = "pairs" if pairs else "agreement" if within else "ranks"
        emit(render_csv(league, table).rstrip("\n"), output)
        return
    text = render_league(
        league,
        pairs=pairs,
        every=all_,
        agreement=bool(within),
        colour=colour() and not output,
        width=width(),
    )
    emit(text, output)
