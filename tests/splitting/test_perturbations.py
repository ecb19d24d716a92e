import pytest
from test_strategies import conditions, roles

from vcspec.model.errors import UsageError
from vcspec.splitting.strategies import Choice, Setting, assign

PAIRS = "x|c x|A x|B x|C x|D x|A+B x|A+C x|B+C x|C+D x|A+B+C"


def grouped(
    name: str, text: str, table: dict[str, list[str]], **choice: object
) -> dict[str, tuple[str, str]]:
    found = conditions(text)
    setting = Setting(found, "c", Choice(**choice), table)  # type: ignore[arg-type]
    assigned = assign(name, setting)
    return {c.key: (r.role, r.group) for c, r in zip(found, assigned, strict=True)}


def test_one_member_is_new_and_the_others_are_trained_on_alone() -> None:
    assert roles("holdout-one-member", PAIRS, names=("A",)) == {
        "x|c": "train",
        "x|A": "excluded: a held-out member alone",
        "x|B": "train",
        "x|C": "train",
        "x|D": "train",
        "x|A+B": "test",
        "x|A+C": "test",
        "x|B+C": "train",
        "x|C+D": "train",
        "x|A+B+C": "test",
    }


def test_two_new_members_are_another_question() -> None:
    found = roles("holdout-one-member", PAIRS, names=("A", "B"))
    assert found["x|A+B"] == found["x|A+B+C"] == "excluded: combination of two held-out members"
    assert found["x|A+C"] == found["x|B+C"] == "test"
    lost = roles("holdout-one-member", "x|c x|A x|B x|A+B x|A+D", names=("A",))
    assert lost["x|A+D"] == "excluded: combination with another member never measured alone"


def test_no_member_of_a_tested_combination_is_seen() -> None:
    assert roles("holdout-all-members", PAIRS, names=("A+B",)) == {
        "x|c": "train",
        "x|A": "excluded: a held-out member alone",
        "x|B": "excluded: a held-out member alone",
        "x|C": "train",
        "x|D": "train",
        "x|A+B": "test",
        "x|A+C": "excluded: combination of held-out members with others",
        "x|B+C": "excluded: combination of held-out members with others",
        "x|C+D": "train",
        "x|A+B+C": "excluded: combination of held-out members with others",
    }


def test_singles_are_inferred_from_combinations() -> None:
    text = "x|c x|A x|B x|C x|D x|A+B x|C+D y|c y|A y|A+B"
    assert roles("holdout-singles-of-combinations", text, names=("A",)) == {
        "x|c": "train",
        "x|A": "test",
        "x|B": "excluded: partner of a held-out single: the difference would give it away",
        "x|C": "train",
        "x|D": "train",
        "x|A+B": "train",
        "x|C+D": "train",
        "y|c": "train",
        "y|A": "test",
        "y|A+B": "train",
    }
    kept = roles(
        "holdout-singles-of-combinations", text, names=("A",), options={"partners": "keep"}
    )
    assert kept["x|B"] == "train"
    both = roles("holdout-singles-of-combinations", text, names=("A", "B", "C"))
    assert both["x|A+B"] == "excluded: combination of two held-out singles"
    assert both["x|A"] == "excluded: held-out single without a combination to learn it from"
    assert both["x|C"] == "test"
    with pytest.raises(UsageError, match="partners is 'drop'; give exclude or keep"):
        roles("holdout-singles-of-combinations", text, names=("A",), options={"partners": "drop"})


def test_groups_that_share_a_member_are_held_out_together() -> None:
    table = {"perturbation": ["A", "B", "B", "C", "Z"], "complex": ["one", "one", "two", "two", ""]}
    text = "x|c x|A x|B x|C x|D x|E x|A+D x|D+E"
    assert grouped("holdout-groups", text, table, names=("A",)) == {
        "x|c": ("train", "-"),
        "x|A": ("test", "one, two"),
        "x|B": ("test", "one, two"),
        "x|C": ("test", "one, two"),
        "x|D": ("train", "D"),
        "x|E": ("train", "E"),
        "x|A+D": ("excluded", "D; one, two"),
        "x|D+E": ("train", "D; E"),
    }


def test_a_table_is_needed_and_must_match() -> None:
    with pytest.raises(UsageError, match="column perturbation is needed; no table is given"):
        grouped("holdout-groups", "x|c x|A x|B", {}, fraction=0.5)
    with pytest.raises(UsageError, match="or pathway or homology is needed"):
        grouped("holdout-groups", "x|c x|A x|B", {"perturbation": ["A"]}, fraction=0.5)
    table = {"perturbation": ["Z"], "group": ["g"]}
    with pytest.raises(UsageError, match=r"no group for any perturbation.*it has Z; .*A, B"):
        grouped("holdout-groups", "x|c x|A x|B", table, fraction=0.5)
    table = {"perturbation": ["A", "b", "Z"], "homology": ["g", "g", "g"]}
    with pytest.raises(UsageError, match=r"gives homology for 'b', which the dataset writes 'B'"):
        grouped("holdout-groups", "x|c x|A x|B", table, fraction=0.5)


def test_chromosomes_are_held_out_and_targets_without_one_excluded() -> None:
    table = {"perturbation": ["A", "B", "C"], "chromosome": ["1", "1", "X"]}
    text = "x|c x|A x|B x|C x|D x|A+C"
    assert grouped("holdout-chromosomes", text, table, names=("chromosome 1",)) == {
        "x|c": ("train", "-"),
        "x|A": ("test", "chromosome 1"),
        "x|B": ("test", "chromosome 1"),
        "x|C": ("train", "chromosome X"),
        "x|D": ("excluded", "-"),
        "x|A+C": ("excluded", "chromosome 1; chromosome X"),
    }


@pytest.mark.parametrize(
    ("strategy", "column", "values"),
    [
        ("holdout-chromosomes", "chromosome", ["1", "2"]),
        ("holdout-scaffolds", "smiles", ["CCO", "CCC"]),
        ("holdout-scaffolds", "inchikey", ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "RYYVLZVUVIJVGH"]),
    ],
)
def test_a_perturbation_has_one_place_and_one_structure(
    strategy: str, column: str, values: list[str]
) -> None:
    table = {"perturbation": ["A", "A"], column: values}
    told = f"gives 'A' the {column} '{values[0]}' and '{values[1]}'; give it one"
    with pytest.raises(UsageError, match=told):
        grouped(strategy, "x|c x|A x|B", table, fraction=0.5)


STRUCTURES = {
    "perturbation": ["A", "B", "C", "D", "E"],
    "smiles": [
        "CC(=O)Oc1ccccc1C(=O)O",  # aspirin
        "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]",  # its salt
        "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",  # caffeine
        "CN1C=NC2=C1C(=O)NC(=O)N2C",  # theobromine: the same scaffold
        "CCO",  # ethanol: no ring
    ],
}


def test_compounds_with_one_scaffold_are_a_series() -> None:
    pytest.importorskip("rdkit")
    text = "x|c x|A x|B x|C x|D x|E"
    found = grouped("holdout-scaffolds", text, STRUCTURES, names=("C",))
    assert [key for key, (role, _) in found.items() if role == "test"] == ["x|C", "x|D"]
    assert found["x|A"][1] == found["x|B"][1] != found["x|E"][1]


def test_compounds_with_near_equal_fingerprints_are_a_series() -> None:
    pytest.importorskip("rdkit")
    text = "x|c x|A x|B x|C x|D x|E"
    near = {"series": "similarity", "similarity": "0.4"}
    found = grouped("holdout-scaffolds", text, STRUCTURES, names=("C",), options=near)
    assert [key for key, (role, _) in found.items() if role == "test"] == ["x|C", "x|D"]
    far = {"series": "similarity", "similarity": "0.99"}
    found = grouped("holdout-scaffolds", text, STRUCTURES, names=("C",), options=far)
    assert [key for key, (role, _) in found.items() if role == "test"] == ["x|C"]


def test_the_first_block_of_the_inchikey_is_enough() -> None:
    keys = ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "BSYNRYMUTXBXSQ-UHFFFAOYSA-M"]
    keys += ["RYYVLZVUVIJVGH-UHFFFAOYSA-N"]
    table = {"perturbation": ["A", "B", "C"], "inchikey": keys}
    found = grouped("holdout-scaffolds", "x|c x|A x|B x|C", table, names=("B",))
    assert [key for key, (role, _) in found.items() if role == "test"] == ["x|A", "x|B"]
    wrong = {"perturbation": ["A"], "inchikey": ["aspirin"]}
    with pytest.raises(UsageError, match="InChIKey of A is 'aspirin'"):
        grouped("holdout-scaffolds", "x|c x|A x|B", wrong, fraction=0.5)
    with pytest.raises(UsageError, match="no column smiles"):
        grouped(
            "holdout-scaffolds",
            "x|c x|A x|B x|C",
            table,
            names=("B",),
            options={"series": "similarity"},
        )


def test_a_structure_that_cannot_be_read_is_named() -> None:
    pytest.importorskip("rdkit")
    table = {"perturbation": ["A", "B"], "smiles": ["C1CC", "CCO"]}
    with pytest.raises(UsageError, match="SMILES of A is 'C1CC'"):
        grouped("holdout-scaffolds", "x|c x|A x|B", table, fraction=0.5)
