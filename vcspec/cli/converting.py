"""`vcspec convert`."""

from pathlib import Path
from typing import Any

import click

from vcspec.cli.output import overwrite_option, progress_bar, quiet_option, say


@click.command(
    epilog="""Examples:

\b
  vcspec convert screen.h5ad screen.zarr --as dataset --columns gears \\
      --layer counts --values counts --id my-screen --title "My screen" \\
      --licence CC-BY-4.0 --organism NCBITaxon:9606 --assay EFO:0008913 \\
      --namespace hgnc-symbol
  vcspec convert pred.h5ad pred.zarr --as predictions --split split.zarr \\
      --columns cell-eval --set context=K562 --values log1p:10000 \\
      --model mine --model-version 1

`vcspec explain conventions` lists the conventions, `vcspec explain gears` shows what one means."""
)
@click.argument("source")
@click.argument("target")
@click.option(
    "--as", "kind", type=click.Choice(["dataset", "predictions"]), required=True, help="What it is."
)
@click.option("--columns", metavar="CONVENTION", help="Column names as a known tool writes them.")
@click.option("--map", "pairs", multiple=True, metavar="NAME=COLUMN", help="Where a column is.")
@click.option("--set", "constants", multiple=True, metavar="NAME=VALUE", help="One value for all.")
@click.option(
    "--deal",
    type=int,
    default=0,
    metavar="N",
    help="dataset: deal the cells to N replicates by their names, for same-conditions.",
)
@click.option("--layer", metavar="LAYER", help="Layer that holds the values, or raw/X.")
@click.option("--control", metavar="LABEL", help="Label of unperturbed cells in the source.")
@click.option("--separator", metavar="TEXT", help="What joins the members of a combination.")
@click.option(
    "--values",
    metavar="SPACE",
    help="counts, counts:library, log1p:SUM or log1p:SUM:library; intensity, zscore or rank-score; "
    "checked against all values.",
)
@click.option(
    "--card",
    metavar="FILE",
    help="dataset: TOML with the members of the document; `vcspec explain dataset` lists them.",
)
@click.option("--id", "id_", metavar="ID", help="dataset: its id.")
@click.option("--title", metavar="TEXT", help="dataset: one line.")
@click.option("--licence", metavar="SPDX", help="dataset: licence, an SPDX expression.")
@click.option("--organism", metavar="TERM", help="dataset: NCBITaxon:… or none.")
@click.option("--assay", multiple=True, metavar="TERM", help="dataset: EFO:…; may be repeated.")
@click.option(
    "--namespace", metavar="NAME", help="dataset: what feature names are, as hgnc-symbol."
)
@click.option(
    "--feature-type",
    metavar="TYPE",
    help="dataset: gene (unless said), protein, morphology, variant, region or other.",
)
@click.option(
    "--modality",
    metavar="NAME",
    help="dataset: transcriptomics (unless said), proteomics, imaging, genomics or multi-omics.",
)
@click.option("--simulated", is_flag=True, default=None, help="dataset: drawn by a program.")
@click.option("--split", metavar="SPLIT", help="predictions: the split that they answer.")
@click.option("--model", metavar="NAME", help="predictions: name of the model.")
@click.option("--model-version", metavar="VERSION", help="predictions: version of the model.")
@click.option(
    "--level", type=click.Choice(["cells", "profiles"]), default="cells", show_default=True
)
@click.option("--drop-controls", is_flag=True, help="predictions: leave out control rows.")
@overwrite_option
@quiet_option
def convert(source: str, target: str, kind: str, *, quiet: bool, **options: Any) -> None:
    """Turn SOURCE, an AnnData .h5ad or .zarr, into a dataset or predictions at TARGET.

    Columns are named, by convention or one by one, and never guessed. Rows are sorted by condition,
    perturbations get their one spelling, and the declared values are checked against all values.
    What was changed is said. Nothing is left at TARGET where a rule is broken.
    """
    from vcspec.actions.reading import reading_of

    reading = reading_of(
        options["columns"] or "",
        options["pairs"],
        options["constants"],
        layer=options["layer"] or "",
        control=options["control"] or "",
        separator=options["separator"],
    )
    if options["deal"]:
        reading = reading.dealing(options["deal"])
    action = _dataset if kind == "dataset" else _predictions
    with progress_bar("rows", quiet=quiet) as progress:
        done = action(source, target, options, reading=reading, progress=progress)
    for change in done.changes:
        say(f"changed: {change}", quiet=quiet)
    size = f"{done.rows} rows × {done.features} features, {done.conditions} conditions"
    warned = sorted({finding.code for finding in done.report.warnings})
    more = f", with warnings: {', '.join(warned)} (vcspec validate {target})" if warned else ""
    say(f"wrote {target}  {done.content}\n{kind}: {size}, valid{more}", quiet=quiet)


def _dataset(source: str, target: str, options: dict[str, Any], **rest: Any) -> Any:
    from vcspec.actions.convert import card_document, convert_dataset
    from vcspec.actions.reading import parse_values

    given = {
        "id": options["id_"],
        "title": options["title"],
        "licence": options["licence"],
        "organism": options["organism"],
        "assay": list(options["assay"]) or None,
        "modality": options["modality"],
        "values": parse_values(options["values"]) if options["values"] else None,
        "simulated": options["simulated"],
    }
    card = card_document(Path(options["card"])) if options["card"] else {}
    document = {**card, **{name: value for name, value in given.items() if value is not None}}
    features = {"type": options["feature_type"], "namespace": options["namespace"]}
    stated = {name: value for name, value in features.items() if value is not None}
    if stated:
        document["features"] = {"type": "gene"} | document.get("features", {}) | stated
    return convert_dataset(
        source, target, document=document, overwrite=options["overwrite"], **rest
    )


def _predictions(source: str, target: str, options: dict[str, Any], **rest: Any) -> Any:
    from vcspec.actions.convert import convert_predictions
    from vcspec.actions.reading import parse_values

    needed = {"--split": "split", "--values": "values", "--model": "model"}
    lacking = [flag for flag, name in needed.items() if not options[name]]
    if lacking:
        message = f"predictions need {', '.join(lacking)}"
        raise click.UsageError(message)
    document = {
        "model": {"name": options["model"], "version": options["model_version"] or "0"},
        "level": options["level"],
        "values": parse_values(options["values"]),
    }
    return convert_predictions(
        source,
        target,
        split=options["split"],
        document=document,
        drop_controls=options["drop_controls"],
        overwrite=options["overwrite"],
        **rest,
    )
