"""Strategies that hold out perturbations: one by one, in combinations, by group."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from vcspec.model.condition import Condition
from vcspec.splitting.groups import groups_of, joined, one_each
from vcspec.splitting.holding import held_out, held_out_groups
from vcspec.splitting.strategies import (
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    Setting,
    excluded,
    strategy,
)


def singles_of(setting: Setting) -> set[str]:
    """Perturbations that are measured alone."""
    return {found.perturbation for found in setting.perturbed if len(found.members) == 1}


def _combined(setting: Setting) -> set[str]:
    return {found.perturbation for found in setting.perturbed if len(found.members) > 1}


def without(test: set[str], validation: set[str], what: str) -> Callable[[Condition], Assignment]:
    """Roles where members are held out: themselves alone, and no combination that has one."""

    def role(condition: Condition) -> Assignment:
        members = set(condition.members)
        if len(members) > 1 and members & (test | validation):
            return excluded(f"combination of a held-out {what}")
        if members & test:
            return TEST
        return VALIDATION if members & validation else TRAIN

    return role


@strategy("holdout-perturbations")
def holdout_perturbations(setting: Setting) -> list[Assignment]:
    """Test drawn singles in every context; exclude combinations that contain one."""
    singles = sorted(singles_of(setting))
    test, validation = held_out("perturbations", singles, setting.choice)
    return [without(test, validation, "perturbation")(found) for found in setting.conditions]


@strategy("holdout-combinations")
def holdout_combinations(setting: Setting) -> list[Assignment]:
    """Test drawn combinations whose members are all measured alone."""
    singles = singles_of(setting)
    eligible = sorted(name for name in _combined(setting) if set(name.split("+")) <= singles)
    what = "combinations of perturbations measured alone"
    test, validation = held_out(what, eligible, setting.choice)

    def role(condition: Condition) -> Assignment:
        if condition.perturbation in test:
            return TEST
        return VALIDATION if condition.perturbation in validation else TRAIN

    return [role(condition) for condition in setting.conditions]


@strategy("holdout-one-member")
def holdout_one_member(setting: Setting) -> list[Assignment]:
    """Test combinations of one drawn member with members that are trained on alone."""
    singles = singles_of(setting)
    combined = [set(name.split("+")) for name in _combined(setting)]
    # A member can be held out where some combination has all others measured alone.
    eligible = {
        member for members in combined for member in members if members - {member} <= singles
    }
    test, validation = held_out("members of combinations", sorted(eligible), setting.choice)
    away = test | validation

    def role(condition: Condition) -> Assignment:
        members = set(condition.members)
        new = members & away
        if not new:
            return TRAIN
        if len(members) == 1:
            return excluded("a held-out member alone")
        if len(new) > 1:
            return excluded("combination of two held-out members")
        if not members - new <= singles:
            return excluded("combination with another member never measured alone")
        return TEST if new <= test else VALIDATION

    return [role(condition) for condition in setting.conditions]


@strategy("holdout-all-members")
def holdout_all_members(setting: Setting) -> list[Assignment]:
    """Test drawn combinations, and keep each of their members out of everything else."""
    combinations = sorted(_combined(setting))
    test, validation = held_out("combinations", combinations, setting.choice)
    tested = {member for name in test for member in name.split("+")}
    # Combinations for validation share no member with the test.
    validated = {
        member
        for name in validation
        if not tested & set(name.split("+"))
        for member in name.split("+")
    }

    def role(condition: Condition) -> Assignment:
        members = set(condition.members)
        if not members & (tested | validated):
            return TRAIN
        if len(members) == 1:
            return excluded("a held-out member alone")
        if members <= tested:
            return TEST
        if members <= validated:
            return VALIDATION
        return excluded("combination of held-out members with others")

    return [role(condition) for condition in setting.conditions]


@strategy("holdout-singles-of-combinations")
def holdout_singles_of_combinations(setting: Setting) -> list[Assignment]:
    """Test drawn singles that are trained on in combinations; exclude what would subtract them."""
    combined = [set(name.split("+")) for name in _combined(setting)]
    partners: dict[str, set[str]] = {}
    for members in combined:
        for member in members:
            partners.setdefault(member, set()).update(members - {member})
    eligible = sorted(singles_of(setting) & partners.keys())
    test, validation = held_out("singles that are in combinations", eligible, setting.choice)
    away = test | validation
    kept = {member for members in combined if len(members & away) == 1 for member in members & away}
    giving = set().union(*(partners[name] for name in kept)) if kept else set()

    def role(condition: Condition) -> Assignment:
        members = set(condition.members)
        if len(members) > 1:
            two = len(members & away) > 1
            return excluded("combination of two held-out singles") if two else TRAIN
        if members <= away:
            if not members <= kept:
                return excluded("held-out single without a combination to learn it from")
            return TEST if members <= test else VALIDATION
        if members <= giving and setting.choice.one_of("partners", "exclude", "keep") == "exclude":
            return excluded("partner of a held-out single: the difference would give it away")
        return TRAIN

    return [role(condition) for condition in setting.conditions]


def _by_group(
    setting: Setting, groups: Mapping[str, str], what: str, group: str
) -> list[Assignment]:
    """Test singles of drawn groups; exclude combinations that contain a member of one."""
    singles = {name: groups[name] for name in sorted(singles_of(setting)) if name in groups}
    test, validation = held_out_groups(what, singles, setting.choice)

    def members(held: set[str]) -> set[str]:
        return {name for name, its in groups.items() if its in held}

    role = without(members(test), members(validation), f"perturbation or one of its {group}")

    def placed(condition: Condition) -> Assignment:
        own = {groups.get(member, "-") for member in condition.members}
        return replace(role(condition), group="; ".join(sorted(own)))

    return [placed(condition) for condition in setting.conditions]


def _members(setting: Setting) -> list[str]:
    return sorted({member for found in setting.perturbed for member in found.members})


@strategy("holdout-groups")
def holdout_groups(setting: Setting) -> list[Assignment]:
    """Test families, complexes or pathways as wholes; those that share a member are one."""
    members = _members(setting)
    return _by_group(setting, groups_of(setting, members), "perturbations", "group")


@strategy("holdout-chromosomes")
def holdout_chromosomes(setting: Setting) -> list[Assignment]:
    """Test perturbations of targets on drawn chromosomes; those without one are excluded."""
    column, values = setting.column("chromosome", "chrom", "chr")
    _, names = setting.column("perturbation")
    known = one_each(column, names, values)
    members = _members(setting)
    groups = joined(members, [(name, known[name]) for name in members if known.get(name)])
    placed = {name: f"{column} {known[name]}" for name in groups if known.get(name)}
    assigned = _by_group(setting, placed, "perturbations", "chromosome")

    def known_place(condition: Condition, found: Assignment) -> Assignment:
        lost = [name for name in condition.members if name not in placed]
        control = condition.perturbation == setting.control
        return found if control or not lost else excluded("target without a known chromosome")

    return [
        known_place(condition, found)
        for condition, found in zip(setting.conditions, assigned, strict=True)
    ]


@strategy("holdout-scaffolds")
def holdout_scaffolds(setting: Setting) -> list[Assignment]:
    """Test chemical series as wholes: one skeleton, one scaffold or near-duplicate structures."""
    from vcspec.splitting.chemistry import series_of

    members = _members(setting)
    return _by_group(setting, series_of(setting, members), "compounds", "series")
