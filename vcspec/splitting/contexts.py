"""Strategies that hold out where perturbations are measured: contexts, studies, donors, batches."""

from collections.abc import Mapping
from dataclasses import replace

from vcspec.model.condition import Condition
from vcspec.model.errors import UsageError
from vcspec.splitting.branches import branches_of
from vcspec.splitting.draw import dealt
from vcspec.splitting.holding import held_out, held_out_groups, require_field, spread
from vcspec.splitting.perturbations import singles_of, without
from vcspec.splitting.strategies import (
    INPUT,
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    Choice,
    Setting,
    excluded,
    strategy,
)

FEW = 0.3  # of a context's perturbations; as in STATE, doi:10.1101/2025.06.26.661135
MOST = 200  # perturbations held out of a context; as in PerturBench, arXiv:2408.10609
TRANSFERRED = 0.3  # of a context's perturbations, likewise
NEW = 0.3  # of the perturbations
OF_DRAWN = "validation_of_drawn"
HALF = 0.5  # of the pairs held out of a context, likewise


@strategy("holdout-contexts")
def holdout_contexts(setting: Setting) -> list[Assignment]:
    """Test drawn contexts on perturbations that are trained on elsewhere."""
    return _transfer(setting, "context", "contexts")


@strategy("holdout-studies")
def holdout_studies(setting: Setting) -> list[Assignment]:
    """Test drawn studies on perturbations that are trained on elsewhere."""
    return _transfer(setting, "study", "studies")


@strategy("holdout-donors")
def holdout_donors(setting: Setting) -> list[Assignment]:
    """Test drawn donors on perturbations that are trained on in others."""
    return _transfer(setting, "donor", "donors")


@strategy("holdout-batches")
def holdout_batches(setting: Setting) -> list[Assignment]:
    """Test drawn batches on perturbations that are trained on in others."""
    return _transfer(setting, "batch", "batches")


def _values(setting: Setting, field: str) -> list[str]:
    return sorted({condition.get(field) for condition in setting.conditions} - {""})


def _transfer(setting: Setting, field: str, what: str) -> list[Assignment]:
    require_field(setting, field)
    test, validation = held_out(what, _values(setting, field), setting.choice)
    return _away(setting, field, test, validation)


def _away(setting: Setting, field: str, test: set[str], validation: set[str]) -> list[Assignment]:
    """Roles where places are held out: their controls are input, what is seen elsewhere tested."""
    away = test | validation
    seen = {c.perturbation for c in setting.conditions if c.get(field) not in away}

    def role(condition: Condition) -> Assignment:
        place = condition.get(field)
        if place not in away:
            return TRAIN
        if condition.perturbation == setting.control:
            return INPUT if place in test else VALIDATION
        if condition.perturbation not in seen:
            return excluded(f"perturbation not seen in another {field}")
        return TEST if place in test else VALIDATION

    return [role(condition) for condition in setting.conditions]


@strategy("holdout-context-branches")
def holdout_context_branches(setting: Setting) -> list[Assignment]:
    """Test whole branches of the tree of contexts, on perturbations trained on elsewhere."""
    branches = branches_of(setting, _values(setting, "context"))
    test, validation = held_out_groups("contexts", branches, setting.choice)

    def contexts(held: set[str]) -> set[str]:
        return {context for context, branch in branches.items() if branch in held}

    roles = _away(setting, "context", contexts(test), contexts(validation))
    return [
        replace(found, group=branches[condition.context])
        for condition, found in zip(setting.conditions, roles, strict=True)
    ]


@strategy("few-shot-contexts")
def few_shot_contexts(setting: Setting) -> list[Assignment]:
    """Test drawn contexts, but train on a stated share of their perturbations."""
    test, validation = held_out("contexts", _values(setting, "context"), setting.choice)
    share = setting.choice.share("shots", FEW)
    roles = _away(setting, "context", test, validation)
    shots = {
        context: _shots(setting, context, roles, share) for context in sorted(test | validation)
    }

    def role(condition: Condition, found: Assignment) -> Assignment:
        few = shots.get(condition.context)
        if few is None or found.role == "excluded":
            return found
        seen = condition.perturbation == setting.control or condition.perturbation in few
        return TRAIN if seen else found

    return [role(c, found) for c, found in zip(setting.conditions, roles, strict=True)]


def _shots(setting: Setting, context: str, roles: list[Assignment], share: float) -> set[str]:
    """The share of a context's perturbations with the smallest draws; one at least, one left."""
    named = {
        f"{context}|{condition.perturbation}": condition.perturbation
        for condition, found in zip(setting.conditions, roles, strict=True)
        if condition.context == context
        and condition.perturbation != setting.control
        and found.role != "excluded"
    }
    wanted = min(len(named) - 1, max(1, round(share * len(named))))
    return {named[key] for key in dealt(setting.choice.seed + 2, list(named))[:wanted]}


@strategy("transfer-covariates")
def transfer_covariates(setting: Setting) -> list[Assignment]:
    """Test drawn pairs of perturbation and context; each perturbation keeps another context."""
    found: dict[str, set[str]] = {}
    for condition in setting.perturbed:
        found.setdefault(condition.perturbation, set()).add(condition.context_key)
    places = {name: sorted(known) for name, known in sorted(found.items()) if len(known) > 1}
    choice = setting.choice
    drawn = not (choice.names or choice.fold)
    if OF_DRAWN in choice.options and not drawn:
        message = (
            f"{OF_DRAWN} is a share of drawn pairs; leave it out where they are named or dealt"
        )
        raise UsageError(message)
    if drawn:
        choice = _pairs(places, choice)
    test, validation = spread("pairs of perturbation and context", places, choice)
    if OF_DRAWN in choice.options:
        moved = _validated(test, choice)
        test, validation = test - moved, validation | moved

    def role(condition: Condition) -> Assignment:
        pair = (condition.perturbation, condition.context_key)
        if pair in test:
            return TEST
        return VALIDATION if pair in validation else TRAIN

    return _of_seen_contexts(setting, [role(condition) for condition in setting.conditions])


def _validated(test: set[tuple[str, str]], choice: Choice) -> set[tuple[str, str]]:
    """Drawn pairs that are validated on: a share of each context's, rounded; one stays a test."""
    share = choice.share(OF_DRAWN, HALF)
    moved: set[tuple[str, str]] = set()
    for context in sorted({place for _, place in test}):
        own = {f"{name}|{place}": (name, place) for name, place in test if place == context}
        wanted = min(len(own) - 1, round(share * len(own)))
        moved |= {own[key] for key in dealt(choice.seed + 2, list(own))[:wanted]}
    return moved


def _pairs(places: Mapping[str, list[str]], choice: Choice) -> Choice:
    """Pairs by PerturBench's rule: a share of each context's perturbations, and at most so many."""
    share, most = choice.fraction or TRANSFERRED, choice.count("most", MOST)
    left = {name: len(known) for name, known in places.items()}
    taken: list[str] = []
    for context in sorted({place for known in places.values() for place in known}):
        own = [name for name, known in places.items() if context in known]
        keys = {f"{name}|{context}": name for name in own}
        wanted = min(most, max(1, round(share * len(own))))
        free = [key for key in dealt(choice.seed, list(keys)) if left[keys[key]] > 1][:wanted]
        for key in free:
            left[keys[key]] -= 1
        taken += free
    return replace(choice, names=tuple(taken), fraction=0.0)


def _of_seen_contexts(setting: Setting, roles: list[Assignment]) -> list[Assignment]:
    """Excludes tests in contexts of which no perturbation is trained on."""
    trained = {
        condition.context_key
        for condition, found in zip(setting.conditions, roles, strict=True)
        if found.role == "train" and condition.perturbation != setting.control
    }
    return [
        excluded("no other perturbation of the context is trained on")
        if found.role in {"test", "validation"} and condition.context_key not in trained
        else found
        for condition, found in zip(setting.conditions, roles, strict=True)
    ]


@strategy("holdout-contexts-and-perturbations")
def holdout_contexts_and_perturbations(setting: Setting) -> list[Assignment]:
    """Test drawn perturbations in drawn contexts, neither of which is trained on."""
    singles = sorted(singles_of(setting))
    share = setting.choice.share("perturbations", NEW)
    alone = replace(setting.choice, names=(), fold=None, fraction=share)
    places, places_validated = held_out("contexts", _values(setting, "context"), setting.choice)
    new, new_validated = held_out("perturbations", singles, alone)
    role_of = without(new, new_validated, "perturbation")

    def role(condition: Condition) -> Assignment:
        found = role_of(condition)
        context = condition.context
        where = "test" if context in places else "validation" if context in places_validated else ""
        if not where:
            held = found.role in {"test", "validation"}
            return excluded("held-out perturbation in a seen context") if held else found
        if condition.perturbation == setting.control:
            return INPUT if where == "test" else VALIDATION
        if found.role == where:
            return found
        return found if found.role == "excluded" else excluded("held-out context")

    return [role(condition) for condition in setting.conditions]
