"""A simulated screen: counts drawn from known effects, with nothing measured in them.

Abundances, library sizes and numbers of cells are log-normal. A cell's counts are negative
binomial, with variance mean + dispersion × mean². An effect is a log2 fold change of every gene.
Everything is drawn from `numpy.random.RandomState`, whose stream NumPy never changes (NEP 19).
"""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from vcspec.model.curated import Curated
from vcspec.model.matrix import Rows, rows_of_dense, stack

Floats = npt.NDArray[np.float64]


def build(sources: Mapping[str, Path], card: Mapping[str, Any]) -> Curated:  # noqa: ARG001
    """The simulated cells, context by context and in each the control, singles and pairs."""
    size = SimpleNamespace(**card["parameters"])
    draw = np.random.RandomState(size.seed)
    genes = np.array([f"SIM{number:04d}" for number in range(1, size.genes + 1)])
    abundance = _abundance(draw, size)  # (contexts, genes)
    dispersion = _dispersion(draw, size, abundance.mean(axis=0))  # (genes,)
    targets = _targets(draw, size, abundance.mean(axis=0))  # (singles,) numbers of genes
    pairs = _pairs(draw, size)  # (doubles, 2) numbers of singles
    effects = _effects(draw, size, targets, pairs)  # (contexts, 1 + singles + doubles, genes)
    names = [card["control"], *genes[targets], *("+".join(genes[targets[pair]]) for pair in pairs)]
    blocks, labels = [], []
    for context in range(size.contexts):
        for number, name in enumerate(names):
            cells = _cells(draw, size, is_control=number == 0)
            fold = np.exp2(effects[context, number])
            blocks.append(_counts(draw, size, abundance[context], fold, dispersion, cells=cells))
            labels += [(f"simulated-line-{context + 1}", name)] * cells
    contexts, perturbations = np.array(labels).T
    return Curated(
        rows=stack(blocks),
        cells=np.array([f"simulated-cell-{number:06d}" for number in range(len(labels))]),
        features=genes,
        obs={"context": contexts, "perturbation": perturbations},
    )


def _abundance(draw: np.random.RandomState, size: SimpleNamespace) -> Floats:
    """Share of each gene among the counts; contexts scatter around a common abundance."""
    common = draw.normal(0, size.gene_spread, size.genes)
    own = draw.normal(0, size.context_spread, (size.contexts, size.genes))
    share = np.exp(common + own)
    return share / share.sum(axis=1, keepdims=True)


def _dispersion(draw: np.random.RandomState, size: SimpleNamespace, abundance: Floats) -> Floats:
    """Falls with abundance towards a floor, and scatters."""
    trend = size.dispersion_floor + size.dispersion_slope * np.sqrt(
        np.median(abundance) / abundance
    )
    return np.clip(trend * np.exp(draw.normal(0, size.dispersion_spread, size.genes)), 0.02, 5)


def _targets(
    draw: np.random.RandomState, size: SimpleNamespace, abundance: Floats
) -> npt.NDArray[np.int64]:
    """Genes to knock down, from the more abundant half; sorted, so that pairs are too."""
    abundant = np.argsort(-abundance, kind="stable")[: size.genes // 2]
    return np.sort(draw.choice(abundant, size.singles, replace=False))


def _pairs(draw: np.random.RandomState, size: SimpleNamespace) -> npt.NDArray[np.int64]:
    first, second = np.triu_indices(size.singles, k=1)
    chosen = np.sort(draw.choice(len(first), size.doubles, replace=False))
    return np.stack([first[chosen], second[chosen]], axis=1)


def _effects(
    draw: np.random.RandomState,
    size: SimpleNamespace,
    targets: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
) -> Floats:
    """Log2 fold changes; row 0 of each context is the control, and zero."""
    singles = _single_effects(draw, size)
    knockdown = -draw.uniform(*size.knockdown, size.singles)
    for number, target in enumerate(targets):
        singles[:, number, target] = knockdown[number]
    doubles = singles[:, pairs].sum(axis=2)  # (contexts, doubles, genes)
    doubles += _interactions(draw, size, touched=doubles != 0)
    for number, pair in enumerate(pairs):
        doubles[:, number, targets[pair]] = knockdown[pair]
    control = np.zeros((size.contexts, 1, size.genes))
    return np.concatenate([control, singles, doubles], axis=1)


def _single_effects(draw: np.random.RandomState, size: SimpleNamespace) -> Floats:
    """Few genes each, how many is heavy-tailed; shared by all contexts but for a part of their own.

    Perturbations that are not null also share one response, in different strength.
    """
    response = np.zeros(size.genes)
    moved = draw.choice(size.genes, round(size.response_share * size.genes), replace=False)
    response[moved] = draw.laplace(0, size.effect, len(moved))
    out = np.zeros((size.contexts, size.singles, size.genes))
    is_null = draw.permutation(size.singles) < round(size.null_share * size.singles)
    for number in np.flatnonzero(~is_null):
        typical = size.affected_share * size.genes
        many = int(
            np.clip(draw.lognormal(np.log(typical), size.affected_spread), 3, size.genes // 4)
        )
        moved = draw.choice(size.genes, many, replace=False)
        common = draw.laplace(0, size.effect, many)
        own = draw.laplace(0, size.effect * size.context_part, (size.contexts, many))
        strength = np.exp(draw.normal(0, size.strength_spread, (size.contexts, 1)))
        out[:, number, moved] = strength * (common + own)
        out[:, number] += strength * draw.gamma(2, 0.5) * response
    return np.clip(out, -size.effect_limit, size.effect_limit)


def _interactions(
    draw: np.random.RandomState, size: SimpleNamespace, touched: npt.NDArray[np.bool_]
) -> Floats:
    """What some pairs do beyond the sum of their singles, on genes that the singles touch."""
    out = np.zeros(touched.shape)
    interacts = draw.permutation(size.doubles) < round(size.interaction_share * size.doubles)
    for number in np.flatnonzero(interacts):
        term = draw.laplace(0, size.interaction, size.genes)
        out[:, number] = np.where(touched[:, number], term, 0)
    return out


def _cells(draw: np.random.RandomState, size: SimpleNamespace, *, is_control: bool) -> int:
    if is_control:
        return size.control_cells
    return max(20, round(size.cells * np.exp(draw.normal(0, size.cells_spread))))


def _counts(
    draw: np.random.RandomState,
    size: SimpleNamespace,
    abundance: Floats,
    fold: Floats,
    dispersion: Floats,
    *,
    cells: int,
) -> Rows:
    """Counts of one condition; the perturbation does not reach the cells that escape."""
    library = size.library_size * np.exp(draw.normal(0, size.library_spread, (cells, 1)))
    escapes = draw.uniform(size=(cells, 1)) < size.escape_share
    share = abundance * np.where(escapes, 1, fold)  # (cells, genes)
    mean = library * share / share.sum(axis=1, keepdims=True)
    rate = mean * dispersion * draw.standard_gamma(1 / dispersion, mean.shape)
    return rows_of_dense(draw.poisson(rate).astype(np.int32))
