"""The tree of contexts: whole branches are held out, so that no near neighbour is trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from vcspec.model.errors import UsageError
from vcspec.model.matrix import Array
from vcspec.splitting.strategies import Setting

FEWEST = 3  # contexts that make a tree


def branches_of(setting: Setting, contexts: Sequence[str]) -> Mapping[str, str]:
    """Branch of each context, named by its contexts.

    The tree joins, again and again, the two branches whose union adds least to the sum of squared
    distances from the branches' means (Ward's criterion, on profiles), until `branches` are left:
    by default the square root of the number of contexts, rounded, and two at least.

    Raises:
        UsageError: there are fewer than three contexts, a context without a profile, or as many
            branches as contexts.
    """
    if len(contexts) < FEWEST:
        message = f"there are {len(contexts)} contexts; a tree needs three"
        raise UsageError(message)
    wanted = setting.choice.count("branches", max(2, round(len(contexts) ** 0.5)))
    if not 2 <= wanted <= len(contexts):
        message = f"branches is {wanted}; give 2 to {len(contexts)}, the number of contexts"
        raise UsageError(message)
    tree = linkage(profiles_of(setting, contexts), method="ward")
    numbers = fcluster(tree, wanted, criterion="maxclust")
    members: dict[int, list[str]] = {}
    for context, number in zip(contexts, numbers.tolist(), strict=True):
        members.setdefault(number, []).append(context)
    return {context: ", ".join(own) for own in members.values() for context in own}


def profiles_of(setting: Setting, contexts: Sequence[str]) -> Array:
    """(contexts, features) profiles of the contexts.

    Raises:
        UsageError: a context has none.
    """
    known = setting.profiles()
    lost = [context for context in contexts if context not in known]
    if lost:
        message = (
            f"{len(lost)} contexts have no profile to compare, such as {lost[0]!r}: no control "
            "cells. Give a table of context and numbers with --table"
        )
        raise UsageError(message)
    return np.array([known[context] for context in contexts])
