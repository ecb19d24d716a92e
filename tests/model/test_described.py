import pytest

from vcspec.model.described import lead, stated_creators


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Kang HM et al., Droplets, 2018", ("Kang HM et al.", "Droplets, 2018")),
        ("McFaline-Figueroa JL et al., A, B", ("McFaline-Figueroa JL et al.", "A, B")),
        ("Droplets, by Kang HM et al., 2018", ("", "Droplets, by Kang HM et al., 2018")),
        ("Kang HM et al.", ("", "Kang HM et al.")),
        ("An R package that collects signatures", ("", "An R package that collects signatures")),
    ],
)
def test_a_citation_names_somebody_where_it_begins_with_the_name(
    title: str, expected: tuple[str, str]
) -> None:
    assert lead(title) == expected


def test_what_a_dataset_states_of_its_makers_comes_before_its_citations() -> None:
    papers = [{"title": f"{name} et al., X"} for name in ("Doe J", "Roe R", "Doe J")]
    assert stated_creators({"citations": papers}) == ("Doe J et al.", "Roe R et al.")
    assert stated_creators({"citations": papers, "creators": ["The lab"]}) == ("The lab",)
    assert stated_creators({}) == ()
