"""Measures every published split again: `difficulty.json` and `audit.json` beside its card.

`python tests/datasets/measure_splits.py [DATASET/NAME …]`, then `python -m vcspec.docs`.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from local_copies import built

import vcspec
from vcspec.actions.audit import audit
from vcspec.actions.split import library_split
from vcspec.cards import AUDIT, DIFFICULTY, split_card, split_ids


def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["VCSPEC_CACHE"] = str(folder / "cache")
        for number, name in enumerate(names or split_ids()):
            card = split_card(name)
            dataset = folder / f"{card.document['dataset']}.zarr"
            if not dataset.exists():
                built(card.document["dataset"], dataset)
            made, reference = folder / f"split-{number}.zarr", folder / f"reference-{number}.zarr"
            content = library_split(name, dataset, made)
            vcspec.reference(made, dataset, reference)
            found = {"codes": list(audit(made, dataset=dataset).codes), "content": content}
            (card.folder / AUDIT).write_text(json.dumps(found) + "\n", encoding="utf-8")
            measured = vcspec.difficulty(made, dataset=dataset, reference=reference)
            target = card.folder / DIFFICULTY
            target.write_text(measured.to_json(summary=True), encoding="utf-8")
            print(name, *found["codes"], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
