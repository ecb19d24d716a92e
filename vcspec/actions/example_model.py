"""A simple model, to show how one is trained and writes its predictions: ridge regression.

The change from control is regressed on who was perturbed, over all training conditions and contexts
alike. A combination is then the sum of its members' shrunken effects, and a perturbation that was
never seen changes nothing.

    python model.py split.zarr dataset.zarr ridge.zarr
"""

import sys

import numpy as np

import vcspec

PENALTY = 1.0


def main(split_path: str, dataset_path: str, out_path: str) -> None:
    """Train on what the split allows, and write predictions for its test conditions."""
    split = vcspec.open_split(split_path)
    data = vcspec.open_training(split_path, dataset_path)
    train = data.conditions("train")
    members = sorted({member for condition in train for member in condition.members})

    def who(condition: vcspec.Condition) -> list[float]:
        return [float(member in condition.members) for member in members]

    design = np.array([who(condition) for condition in train])
    control = np.array([data.control(condition).mean(axis=0) for condition in train])
    change = data.mean(train) - control
    gram = design.T @ design + PENALTY * np.eye(len(members))
    effects = np.linalg.solve(gram, design.T @ change)  # (members, features)

    most = np.log1p(split.document["values"].get("target_sum", np.inf))
    training = {"datasets": [split.document["datasets"][0]["id"]], "corpora": [], "priors": []}
    with split.writer(
        out_path, model="ridge", version="1", training=training, overwrite=True
    ) as out:
        for condition in out.conditions:
            cells = np.resize(  # control cells, as many as are asked for
                data.control(condition), (split.cells_per_condition, len(split.features))
            )
            before = cells.mean(axis=0)
            after = np.maximum(before + np.array(who(condition)) @ effects, 0)
            fold = np.divide(after, before, out=np.ones_like(before), where=before > 0)
            out[condition] = np.minimum(cells * fold, most).astype(np.float32)


if __name__ == "__main__":
    main(*sys.argv[1:4])
