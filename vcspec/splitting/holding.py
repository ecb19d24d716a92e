"""What is held out: by name, by share, by fold."""

from collections.abc import Mapping, Sequence

from vcspec.model.errors import UsageError
from vcspec.model.naming import near
from vcspec.splitting.draw import dealt, drawn, fold_of
from vcspec.splitting.strategies import Choice, Setting


def held_out(what: str, names: Sequence[str], choice: Choice) -> tuple[set[str], set[str]]:
    """Names held out for the test, and for validation.

    Raises:
        UsageError: a name is not among `names`, or the shares or the fold are out of range.
    """
    require_choice(what, choice)
    if not names:
        message = f"the dataset has no {what} that could be held out"
        raise UsageError(message)
    require_known(what, names, choice.names)
    if choice.fold:
        test = _fold(what, names, choice.seed, *choice.fold)
    else:
        test = set(choice.names) or drawn(choice.seed, names, choice.fraction)
    rest = [name for name in names if name not in test]
    validation = (
        drawn(choice.seed + 1, rest, choice.validation) if choice.validation and rest else set()
    )
    return test, validation


def require_choice(what: str, choice: Choice) -> None:
    """Shares are in their range.

    Raises:
        UsageError: one is not.
    """
    if not choice.names and not choice.fold and not 0 < choice.fraction < 1:
        nothing = "" if choice.fraction else ", so that nothing is held out"
        message = (
            f"fraction is {choice.fraction}{nothing}; give one above 0 and below 1 (--fraction), "
            f"or name {what} (--hold-out)"
        )
        raise UsageError(message)
    if not 0 <= choice.validation < 1:
        message = f"validation is {choice.validation}; give a share from 0 and below 1"
        raise UsageError(message)


def require_field(setting: Setting, name: str) -> None:
    """Conditions, perturbed ones where there are any, have the field.

    Raises:
        UsageError: none has; it is said how a dataset gets it.
    """
    if not any(condition.get(name) for condition in setting.perturbed or setting.conditions):
        message = (
            f"the conditions of the dataset have no {name}; it has "
            f"{', '.join(field for field, _ in setting.conditions[0].fields)}. Name the column "
            f"when the dataset is made (vcspec convert --map {name}=COLUMN)"
        )
        raise UsageError(message)


def require_known(what: str, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Every wanted name is among `names`.

    Raises:
        UsageError: one is not; near ones are listed.
    """
    for name in wanted:
        if name not in names:
            message = (
                f"{name!r} is none of the {what} that can be held out; near: {near(name, names)}"
            )
            raise UsageError(message)


def held_out_groups(
    what: str, groups: Mapping[str, str], choice: Choice
) -> tuple[set[str], set[str]]:
    """Groups held out for the test, and for validation; a member's name stands for its group.

    Args:
        what: the members, in the plural.
        groups: member → group.
        choice: names may be those of groups or of members.

    Raises:
        UsageError: as `held_out`.
    """
    every = set(groups.values())
    named = tuple(name if name in every else groups.get(name, name) for name in choice.names)
    require_known(what, sorted({*every, *groups}), choice.names)
    wanted = Choice(
        choice.seed, choice.fraction, tuple(dict.fromkeys(named)), choice.fold, choice.validation
    )
    return held_out(f"groups of {what}", sorted(every), wanted)


def spread(
    what: str, places: Mapping[str, Sequence[str]], choice: Choice
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Pairs (entity, place) held out for the test, and for validation; each entity keeps a place.

    Args:
        what: the pairs, in the plural.
        places: entity → its places, at least two of each.
        choice: `names` are pairs written `entity|place`; a share is taken of each entity's places,
            at least one; folds deal each entity's places in turn, so that each is held out once.

    Raises:
        UsageError: as `held_out`, and where names leave an entity no place.
    """
    pairs = {f"{entity}|{place}": (entity, place) for entity in places for place in places[entity]}
    if not pairs:
        message = f"the dataset has no {what} that could be held out"
        raise UsageError(message)
    require_choice(what, choice)
    require_known(what, list(pairs), choice.names)
    test = {pairs[name] for name in choice.names} or _spread(what, places, choice)
    for entity, known in places.items():
        if all((entity, place) in test for place in known):
            message = f"every one of the {what} of {entity} is held out; leave one to train on"
            raise UsageError(message)
    return test, _spread_validation(places, test, choice)


def _spread(what: str, places: Mapping[str, Sequence[str]], choice: Choice) -> set[tuple[str, str]]:
    test: set[tuple[str, str]] = set()
    number, folds = choice.fold or (1, 1)
    if choice.fold and not (1 <= number <= folds and folds >= 2):
        message = f"fold is {number}/{folds}; give a fold from 1/N to N/N of the {what}, N from 2"
        raise UsageError(message)
    # Entities start at folds of their own, so that folds are of near equal size.
    for turn, entity in enumerate(sorted(places)):
        own = [f"{entity}|{place}" for place in places[entity]]
        if choice.fold:
            taken = fold_of(choice.seed, own, (number - 1 + turn) % folds + 1, folds)
        else:
            most = len(own) - 1
            taken = set(
                dealt(choice.seed, own)[: min(most, max(1, round(choice.fraction * len(own))))]
            )
        test |= {(entity, name[len(entity) + 1 :]) for name in taken}
    return test


def _spread_validation(
    places: Mapping[str, Sequence[str]], test: set[tuple[str, str]], choice: Choice
) -> set[tuple[str, str]]:
    """A share of what is left of each entity's places; one stays."""
    found: set[tuple[str, str]] = set()
    for entity in sorted(places) if choice.validation else ():
        rest = [f"{entity}|{place}" for place in places[entity] if (entity, place) not in test]
        wanted = min(len(rest) - 1, round(choice.validation * len(rest)))
        for name in dealt(choice.seed + 1, rest)[:wanted]:
            found.add((entity, name[len(entity) + 1 :]))
    return found


def _fold(what: str, names: Sequence[str], seed: int, number: int, folds: int) -> set[str]:
    if not (1 <= number <= folds and 2 <= folds <= len(names)):
        message = (
            f"fold is {number}/{folds}; there are {len(names)} {what}: give a fold from 1/N to N/N "
            f"with N from 2 to {len(names)}"
        )
        raise UsageError(message)
    return fold_of(seed, names, number, folds)
