"""Sizes of simulated screens."""

from dataclasses import dataclass
from pathlib import Path

SIZES = ("controls", "perturbations", "cells", "genes")


@dataclass(frozen=True)
class Screen:
    """A screen's size.

    Attributes:
        controls: number of control cells.
        perturbations: number of perturbations that are held out and predicted.
        cells: number of cells of each.
        genes: number of genes.
        continuous: whether predictions are real numbers, which hardly compress.
    """

    controls: int
    perturbations: int
    cells: int
    genes: int
    continuous: bool = False

    @property
    def name(self):
        size = "x".join(str(getattr(self, name)) for name in SIZES)
        return f"{size}-continuous" if self.continuous else size

    @property
    def says(self):
        """The size of what is compared, in words."""
        total = self.controls + self.perturbations * self.cells
        return (
            f"{total:,} cells ({self.controls:,} controls) x {self.genes:,} genes, "
            f"{self.perturbations:,} perturbations"
        )

    @property
    def options(self):
        """The size as options of `data.py`."""
        options = [f"--{name}={getattr(self, name)}" for name in SIZES]
        return [*options, "--continuous"] if self.continuous else options

    def folder(self, scratch):
        return Path(scratch) / "screens" / self.name
