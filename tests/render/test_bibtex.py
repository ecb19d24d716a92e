import re
from itertools import accumulate

from support.descriptions import CONTENT, described, measured

from vcspec.render.bibtex import bibtex


def test_the_artefact_comes_first_and_the_papers_after_it():
    found = described(creators=("Doe, Jane", "The lab"), doi="10.5281/zenodo.1")
    own, paper = bibtex(found).splitlines()
    assert own.startswith("@misc{kang, author = {Doe, Jane and {The lab}}, title = {Blood cells},")
    assert f"note = {{{CONTENT}}}" in own
    assert "doi = {10.5281/zenodo.1}" in own
    assert paper == (
        "@misc{kang-1, author = {{Kang HM et al.}}, title = {Multiplexed droplets, Nature 2018}, "
        "doi = {10.1038/nbt.4042}}"
    )


def test_no_text_leaves_its_braces():
    rude = "}}, note = {x}\n@misc{y, a = {\\}"
    document = measured(title=rude, citations=[{"title": rude, "doi": "10.1000/}{", "url": rude}])
    text = bibtex(described(document, creators=(rude, "A}, {B and C}, D"), address=rude))
    assert len(text.splitlines()) == 2
    for line in text.splitlines():
        bare = re.sub(r"\\[{}]", "", line)
        steps = [(letter == "{") - (letter == "}") for letter in bare]
        depths = list(accumulate(steps))
        first = bare.index("{")
        assert min(depths[first:-1]) > 0
        assert depths[-1] == 0
