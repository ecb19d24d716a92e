"""The sanity check: other cells of the tested conditions are trained on."""

from vcspec.model.condition import REPLICATES, Condition
from vcspec.model.errors import UsageError
from vcspec.splitting.holding import spread
from vcspec.splitting.strategies import (
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    Setting,
    strategy,
)


@strategy("same-conditions")
def same_conditions(setting: Setting) -> list[Assignment]:
    """Test drawn replicates of conditions of which other replicates are trained on."""
    has = [name for name in REPLICATES if any(c.get(name) for c in setting.perturbed)]
    by = setting.choice.one_of("by", *(has or ("replicate",)))
    if not has:
        message = (
            "the conditions of the dataset have no batch, guide or replicate, and roles are given "
            "to whole conditions. Name the column when the dataset is made (vcspec convert --map "
            "replicate=COLUMN); where there is none, deal the cells of each condition to two by a "
            "hash of their names (vcspec convert --deal 2)"
        )
        raise UsageError(message)

    def without(condition: Condition) -> str:
        return "|".join(value for name, value in condition.fields if name != by)

    places: dict[str, list[str]] = {}
    for condition in setting.perturbed:
        places.setdefault(without(condition), []).append(condition.get(by))
    several = {name: sorted(known) for name, known in places.items() if len(known) > 1}
    test, validation = spread(f"conditions with several of {by}", several, setting.choice)

    def role(condition: Condition) -> Assignment:
        pair = (without(condition), condition.get(by))
        if condition.perturbation == setting.control:
            return TRAIN
        if pair in test:
            return TEST
        return VALIDATION if pair in validation else TRAIN

    return [role(condition) for condition in setting.conditions]
