from pathlib import Path

import pytest

from vcspec.actions.beside import read_table
from vcspec.actions.reference import phenotype_table
from vcspec.model.errors import Unreadable, UsageError

LONG = "perturbation,group\n" + "x" * 200_000 + ",a\n"


def test_a_table_whose_field_is_longer_than_any_name_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(LONG)
    with pytest.raises(Unreadable, match="cannot be read as a table in UTF-8 "):
        read_table(tmp_path / "table.csv")
    with pytest.raises(UsageError, match="cannot be read as a table of phenotypes: field larger"):
        phenotype_table(tmp_path / "table.csv")


def test_a_perturbation_has_one_phenotype(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("perturbation,phenotype\nA,left\nB,left\nA,left\n")
    assert phenotype_table(table) == {"A": "left", "B": "left"}
    table.write_text("perturbation,phenotype\n A, left \n")
    assert phenotype_table(table) == {"A": "left"}
    table.write_text("perturbation,phenotype\nA,le\u202eft\n")
    with pytest.raises(UsageError, match=r"'le.*ft', which has a control or invisible character"):
        phenotype_table(table)
    table.write_text("perturbation,phenotype\nA,left\nA,right\n")
    with pytest.raises(UsageError, match="gives 'A' the phenotype 'left' and 'right'; give it"):
        phenotype_table(table)
