import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from support import tiny

from vcspec.actions.convert import card_document, convert_dataset, convert_predictions
from vcspec.actions.labelling import respelled
from vcspec.actions.reading import Reading, parse_values, reading_of
from vcspec.actions.split import split as write_split
from vcspec.actions.validate import validate
from vcspec.model.condition import canonical_perturbation
from vcspec.model.errors import Invalid, Refused, UnknownName, Unreadable, UsageError
from vcspec.standard import CURRENT, packaged, standard
from vcspec.storage.artefacts import write_arrays
from vcspec.storage.sealing import sealed_content

pytestmark = [
    pytest.mark.filterwarnings("ignore:Writing zarr v2 data"),  # anndata, about its own writing
    pytest.mark.filterwarnings("ignore:zarr v3 autosharding"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
    pytest.mark.filterwarnings("ignore:Transforming to str index"),
]

BESIDE = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("VCSPEC_DATA") or BESIDE)

MEMBERS = {
    "id": "my-screen",
    "title": "A screen",
    "organism": "NCBITaxon:9606",
    "assay": ["EFO:0009901"],
    "licence": "CC-BY-4.0",
    "features": {"type": "gene", "namespace": "hgnc-symbol"},
    "values": {"space": "counts", "total": "features"},
}
GENES = ["A", "B", "C", "D", *(f"G{number}" for number in range(8))]
PLAIN = Reading({"context": "cell", "perturbation": "drug"}, control="ctrl")


def screen(rows: int = 60, seed: int = 0) -> anndata.AnnData:
    """Shuffled counts of two contexts; every label in more than one spelling."""
    rng = np.random.default_rng(seed)
    spellings = ["ctrl", "A+ctrl", "ctrl+A", "B", "B+A", "A+B"]
    obs = pd.DataFrame(
        {
            "cell": np.array(["K562", "RPE1"])[np.arange(rows) % 2],
            "drug": np.array(spellings)[np.arange(rows) // 2 % len(spellings)],
        },
        index=[f"cell{row}" for row in range(rows)],
    )
    obs["depth"] = rng.integers(100, 200, rows)
    order = rng.permutation(rows)
    values = rng.poisson(1.5, (rows, len(GENES))).astype(np.float32) + np.eye(rows, len(GENES))
    data = anndata.AnnData(X=values.astype(np.float32), obs=obs, var=pd.DataFrame(index=GENES))
    return data[order].copy()


@pytest.fixture
def save(tmp_path: Path) -> Callable[[anndata.AnnData], Path]:
    folder = tmp_path / "source"
    folder.mkdir()

    def write(data: anndata.AnnData) -> Path:
        data.write_h5ad(folder / "my.h5ad")
        return folder / "my.h5ad"

    return write


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "out.zarr"


def dense(data: anndata.AnnData) -> np.ndarray:
    return np.asarray(data.X.toarray() if sparse.issparse(data.X) else data.X)


def assert_same_cells(target: Path, source: anndata.AnnData) -> anndata.AnnData:
    """Every cell of the store has the source's values, found by its name."""
    found = anndata.read_zarr(target)
    assert sorted(found.obs_names) == sorted(source.obs_names)
    expected = source[found.obs_names, found.var_names]
    assert np.array_equal(dense(found), dense(expected))
    return found


def unsorted_with_zeros(values: np.ndarray) -> sparse.csr_matrix:
    """The same matrix with every zero stored and columns in falling order."""
    rows, width = values.shape
    indices = np.tile(np.arange(width)[::-1], rows)
    flipped = values[:, ::-1].ravel()
    return sparse.csr_matrix((flipped, indices, np.arange(rows + 1) * width), shape=values.shape)


ENCODINGS: dict[str, Callable[[np.ndarray], Any]] = {
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
    "dense": lambda x: x,
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "int64": lambda x: x.astype(np.int64),
    "uint8": lambda x: x.astype(np.uint8),
    "unsorted, zeros stored": unsorted_with_zeros,
}


class TestDatasets:
    def test_cells_are_dealt_to_replicates_by_their_names(
        self, save: Callable[[anndata.AnnData], Path], out: Path
    ) -> None:
        data = screen()
        reading = PLAIN.dealing(2)
        done = convert_dataset(save(data), out, document=MEMBERS, reading=reading)
        found = assert_same_cells(out, data)
        assert any(change.startswith("replicate: cells are dealt to 2") for change in done.changes)
        for name, dealt in found.obs["replicate"].items():
            first = hashlib.sha256(str(name).encode()).digest()[:8]
            assert dealt == str(1 + int.from_bytes(first, "big") % 2)
        folder = out.parent / "split.zarr"
        write_split(
            out, folder, tiny.plan(strategy="same-conditions", parameters={"fraction": "0.5"})
        )
        assert validate(folder, level="full").verdict == "valid"

    @pytest.mark.parametrize(
        ("number", "reading"), [(1, PLAIN), (-1, PLAIN), (2, reading_of(pairs=["replicate=cell"]))]
    )
    def test_cells_are_dealt_to_several_and_to_nothing_that_is_named(
        self, number: int, reading: Reading
    ) -> None:
        with pytest.raises(UsageError, match="deal them to two or more"):
            reading.dealing(number)

    @pytest.mark.parametrize("encoding", ENCODINGS)
    @pytest.mark.parametrize("container", ["my.h5ad", "my.zarr"])
    def test_the_result_is_valid_and_every_cell_keeps_its_values(
        self, tmp_path: Path, out: Path, encoding: str, container: str
    ) -> None:
        data = screen()
        data.X = ENCODINGS[encoding](data.X)
        source = tmp_path / container
        write = data.write_h5ad if source.suffix == ".h5ad" else data.write_zarr
        write(source)
        done = convert_dataset(source, out, document=MEMBERS, reading=PLAIN)
        assert_same_cells(out, data)
        assert validate(out, level="full").verdict == "valid"
        assert (done.rows, done.features, done.conditions) == (60, 12, 8)
        assert done.content == sealed_content(out)
        assert done.report.target == str(out)

    def test_how_the_source_is_encoded_does_not_matter(self, tmp_path: Path, out: Path) -> None:
        data = screen()
        digests = set()
        for name in ("csr", "csc", "dense", "unsorted, zeros stored"):
            copy = data.copy()
            copy.X = ENCODINGS[name](data.X)
            copy.write_h5ad(tmp_path / "x.h5ad")
            target = out.with_name(f"{name[:4]}.zarr")
            done = convert_dataset(tmp_path / "x.h5ad", target, document=MEMBERS, reading=PLAIN)
            digests.add(done.content)
        assert len(digests) == 1

    def test_rows_stand_in_canonical_order_with_canonical_labels(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        done = convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN)
        obs = anndata.read_zarr(out).obs
        keys = list(zip(obs["context"], obs["perturbation"], strict=True))
        runs = [key for at, key in enumerate(keys) if at == 0 or keys[at - 1] != key]
        assert runs == [(c, p) for c in ("K562", "RPE1") for p in ("ctrl", "A", "A+B", "B")]
        expected = [canonical_perturbation(label, "ctrl") for label in data.obs["drug"][obs.index]]
        assert obs["perturbation"].tolist() == expected
        said = " ".join(done.changes)
        assert "3 perturbations respelled" in said
        assert "'B+A' → 'A+B'" in said
        assert "rows sorted by condition" in said

    def test_nothing_is_said_to_have_changed_where_nothing_has(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        convert_dataset(save(screen()), out, document=MEMBERS, reading=PLAIN)
        again = convert_dataset(
            out,
            out.with_name("again.zarr"),
            document=MEMBERS,
            reading=reading_of("vcspec", control="ctrl"),
        )
        assert again.changes == ()
        assert again.content == sealed_content(out)

    def test_stored_zeros_and_wider_types_are_said_aloud(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        zeros = int((data.X == 0).sum())
        data.X = unsorted_with_zeros(data.X.astype(np.uint8))
        done = convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN)
        assert f"{zeros} stored zeros dropped" in done.changes
        assert "values widened from uint8 to uint16" in done.changes

    def test_the_document_says_from_which_bytes_and_columns_it_came(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        source = save(screen())
        convert_dataset(source, out, document=MEMBERS, reading=PLAIN)
        steps = anndata_document(out)["curation"]
        assert hashlib.sha256(source.read_bytes()).hexdigest() in steps[0]
        assert "context = obs/cell, perturbation = obs/drug" in steps[0]
        assert str(source.parent) not in steps[0]

    def test_a_layer_a_library_size_and_further_condition_columns_are_taken(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        data.layers["counts"] = data.X.copy()
        data.X = np.log1p(data.X)
        data.obs["hours"] = 0.5
        reading = reading_of(
            "",
            ["context=cell", "perturbation=drug", "library_size=depth", "time=hours"],
            ["time_unit=h"],
            layer="counts",
            control="ctrl",
        )
        document = {**MEMBERS, "values": parse_values("counts:library")}
        done = convert_dataset(save(data), out, document=document, reading=reading)
        data.X = data.layers["counts"]
        found = assert_same_cells(out, data)
        assert found.obs["library_size"].tolist() == data.obs["depth"][found.obs_names].tolist()
        assert anndata_document(out)["condition"] == [
            "context",
            "perturbation",
            "time",
            "time_unit",
        ]
        assert set(found.obs["time"]) == {"0.5"}
        assert "time is text now; the source has it as number" in done.changes

    def test_the_control_may_be_renamed(self, save: Callable[..., Path], out: Path) -> None:
        document = {**MEMBERS, "control": "control"}
        convert_dataset(save(screen()), out, document=document, reading=PLAIN)
        assert set(anndata.read_zarr(out).obs["perturbation"]) == {"control", "A", "B", "A+B"}

    def test_labels_lose_white_space_at_their_ends(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        data.obs["cell"] = [f"{cell} " for cell in data.obs["cell"]]
        done = convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN)
        assert set(anndata.read_zarr(out).obs["context"]) == {"K562", "RPE1"}
        assert any("2 labels cleaned of white space: 'K562 '" in said for said in done.changes)

    def test_features_are_named_by_a_column_where_one_is_named(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        data.var["symbol"] = [f"symbol{gene}" for gene in GENES]
        reading = reading_of(
            "", ["features=symbol", "context=cell", "perturbation=drug"], control="ctrl"
        )
        convert_dataset(save(data), out, document=MEMBERS, reading=reading)
        assert anndata.read_zarr(out).var_names.tolist() == data.var["symbol"].tolist()

    def test_a_card_gives_the_document(self, save: Callable[..., Path], out: Path) -> None:
        document = card_document(packaged("datasets") / "kang-ifnb" / "card.toml")
        reading = reading_of(
            "", ["context=cell", "perturbation=drug", "library_size=depth"], control="ctrl"
        )
        convert_dataset(save(screen()), out, document=document, reading=reading)
        found = anndata_document(out)
        assert found["id"] == "kang-ifnb"
        assert found["control"] == "control"
        assert found["curation"][:5] == document["curation"]
        assert "content" not in found

    def test_a_store_without_chunks_of_zeros_is_read_and_named(
        self, tmp_path: Path, out: Path
    ) -> None:
        data = screen()
        data.obs["drug"] = pd.Categorical(["ctrl"] * len(data), categories=["ctrl"])
        data.write_zarr(tmp_path / "x.zarr")
        done = convert_dataset(tmp_path / "x.zarr", out, document=MEMBERS, reading=PLAIN)
        assert_same_cells(out, data)
        assert any("absent chunks" in said and "obs/drug/codes" in said for said in done.changes)


def anndata_document(target: Path) -> dict[str, Any]:
    import zarr

    return dict(zarr.open_group(target, mode="r").attrs["vcspec"])


class TestConventions:
    def test_a_file_as_gears_wants_it(self, save: Callable[..., Path], out: Path) -> None:
        data = screen()
        data.obs.columns = ["cell_type", "condition", "depth"]
        data.var["gene_name"] = GENES
        done = convert_dataset(save(data), out, document=MEMBERS, reading=reading_of("gears"))
        assert anndata_document(out)["control"] == "ctrl"
        assert done.conditions == 8

    def test_a_file_as_cell_eval_wants_it(self, save: Callable[..., Path], out: Path) -> None:
        data = screen()
        data.obs = pd.DataFrame(
            {"target_gene": [{"ctrl": "non-targeting"}.get(d, "A") for d in data.obs["drug"]]},
            index=data.obs_names,
        )
        reading = reading_of("cell-eval", constants=["context=K562"])
        done = convert_dataset(save(data), out, document=MEMBERS, reading=reading)
        assert done.conditions == 2
        assert set(anndata.read_zarr(out).obs["context"]) == {"K562"}

    def test_guide_calls_of_10x_are_combinations_of_bars(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        data.obs["feature_call"] = [d.replace("+", "|") for d in data.obs["drug"]]
        reading = reading_of("10x", ["context=cell"], control="ctrl")
        convert_dataset(save(data), out, document=MEMBERS, reading=reading)
        assert set(anndata.read_zarr(out).obs["perturbation"]) == {"ctrl", "A", "B", "A+B"}

    @pytest.mark.parametrize("name", standard().conventions)
    def test_every_convention_names_columns_of_the_standard(self, name: str) -> None:
        entry = standard().conventions[name]
        columns = {
            c["name"] for c in standard().layouts["dataset"]["column"] if c["table"] == "obs"
        }
        assert entry["columns"].keys() <= columns
        assert "perturbation" in entry["columns"]
        assert entry["title"]
        assert entry["source"].startswith("https://")
        assert entry["member_separator"]
        assert reading_of(name).column_of("perturbation")

    def test_what_is_named_wins_over_the_convention(self) -> None:
        reading = reading_of("gears", ["context=line"], control="dmso", separator="_")
        assert reading.column_of("context") == "line"
        assert reading.column_of("perturbation") == "condition"
        assert (reading.control, reading.separator) == ("dmso", "_")

    def test_an_unknown_convention_is_answered_with_near_ones(self) -> None:
        with pytest.raises(UnknownName, match="'cell_eval'; it has cell-eval"):
            reading_of("cell_eval")

    @pytest.mark.parametrize("pair", ["context", "=cell", "context="])
    def test_a_malformed_pair_is_refused(self, pair: str) -> None:
        with pytest.raises(UsageError, match="is not NAME=COLUMN"):
            reading_of("", [pair])

    def test_a_name_has_one_place(self) -> None:
        with pytest.raises(UsageError, match="context twice"):
            reading_of("", ["context=a", "context=b"])
        with pytest.raises(UsageError, match="not both"):
            reading_of("", ["context=a"], ["context=b"])

    @pytest.mark.parametrize(
        ("label", "separator", "spelled"),
        [
            ("B_A", "_", "A+B"),
            ("A+ctrl", "+", "A"),
            ("ctrl+ctrl", "+", "control"),
            ("ctrl", "+", "control"),
            ("A|A", "|", "A"),
            ("A_1", "", "A_1"),
            ("non-targeting", "-", "non+targeting"),
        ],
    )
    def test_labels_are_respelled(self, label: str, separator: str, spelled: str) -> None:
        reading = Reading(control="ctrl", separator=separator)
        assert respelled(label, reading, "control") == spelled

    def test_a_control_that_holds_the_separator_stays_whole(self) -> None:
        reading = Reading(control="non-targeting", separator="-")
        assert respelled("non-targeting", reading, "non-targeting") == "non-targeting"

    def test_a_plus_that_joins_nothing_is_an_error(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        reading = Reading(PLAIN.columns, control="ctrl", separator="_")
        with pytest.raises(Invalid, match=r"4 perturbations hold '\+'"):
            convert_dataset(save(screen()), out, document=MEMBERS, reading=reading)

    @pytest.mark.parametrize(
        ("text", "values"),
        [
            ("counts", {"space": "counts", "total": "features"}),
            ("counts:library", {"space": "counts", "total": "library"}),
            ("log1p:10000", {"space": "log1p", "target_sum": 10000, "total": "features"}),
            ("log1p:10000:library", {"space": "log1p", "target_sum": 10000, "total": "library"}),
        ],
    )
    def test_value_spaces_are_parsed(self, text: str, values: dict[str, Any]) -> None:
        assert parse_values(text) == values

    @pytest.mark.parametrize(
        "text", ["", "raw", "log1p", "log1p:", "log1p:0", "log1p:1e4", "log1p:²", "counts:10000",
                 "counts:library:x", "log1p:10000:all"]
    )  # fmt: skip
    def test_other_value_spaces_are_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="is not known"):
            parse_values(text)


def refuse(
    source: Path, out: Path, document: dict[str, Any] = MEMBERS, reading: Reading = PLAIN
) -> Exception:
    """Convert, expect an error and nothing left, and hand the error over."""
    with pytest.raises((UsageError, Invalid, Unreadable, Refused)) as caught:
        convert_dataset(source, out, document=document, reading=reading)
    assert list(out.parent.iterdir()) == []
    return caught.value


def test_names_of_features_are_cleaned_of_white_space(save: Callable[..., Path], out: Path) -> None:
    data = screen()
    data.var_names = [" A", "B ", *data.var_names[2:]]
    done = convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN)
    assert "features: 2 names cleaned of white space: ' A', 'B '" in done.changes
    assert list(anndata.read_zarr(out).var_names[:3]) == ["A", "B", "C"]


class TestErrors:
    def test_a_missing_column_is_answered_with_those_there_are(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        reading = Reading({"context": "cells", "perturbation": "drug"}, control="ctrl")
        error = refuse(save(screen()), out, reading=reading)
        assert isinstance(error, UsageError)
        assert "no column 'cells' for context; it has cell, drug, depth; near: cell" in str(error)

    def test_a_column_that_nobody_named_is_not_guessed(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        data.obs["context"] = data.obs["cell"]
        error = refuse(save(data), out, reading=Reading({"perturbation": "drug"}, control="ctrl"))
        assert "no column that is named for context" in str(error)
        assert "--set context=VALUE" in str(error)

    def test_a_column_that_a_known_tool_calls_so_is_pointed_at(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        data.obs["cell_type"] = data.obs.pop("cell")
        data.obs["ncounts"] = 1
        reading = Reading({"perturbation": "drug"}, control="ctrl")
        told = str(refuse(save(data), out, reading=reading))
        assert "near: cell_type (of gears, perturbench). Say" in told

    def test_a_name_that_the_standard_does_not_have_is_refused(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        reading = reading_of("", ["perturbaton=drug"], control="ctrl")
        assert "perturbation" in str(refuse(save(screen()), out, reading=reading))

    @pytest.mark.parametrize("bad", [None, "", "nan", " ", "NaN"])
    def test_rows_without_a_label_are_counted_and_named(
        self, save: Callable[..., Path], out: Path, bad: str | None
    ) -> None:
        data = screen()
        labels = data.obs["drug"].astype(object)
        labels.iloc[[3, 7]] = bad
        data.obs["drug"] = pd.Categorical(labels)
        error = refuse(save(data), out)
        assert isinstance(error, Invalid)
        assert f"2 rows have no perturbation: row 3 ({data.obs_names[3]})" in str(error)

    def test_values_that_contradict_the_declared_space_leave_nothing(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        data.X[-1, 0] = 0.5  # one of all
        error = refuse(save(data), out)
        assert isinstance(error, Invalid)
        assert error.report.codes[0] == "VCS303"
        assert error.report.target == str(out)
        assert error.exit_code == 1

    @pytest.mark.parametrize(
        ("value", "code"), [(np.nan, "VCS305"), (np.inf, "VCS305"), (-1, "VCS304")]
    )
    def test_impossible_values_are_found_wherever_they_are(
        self, save: Callable[..., Path], out: Path, value: float, code: str
    ) -> None:
        data = screen()
        data.X[17, 3] = value
        error = refuse(save(data), out)
        assert isinstance(error, Invalid)
        assert code in error.report.codes

    def test_faults_of_labels_show_before_a_value_is_written(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        done: list[int] = []
        with pytest.raises(Invalid, match="VCS301"):
            convert_dataset(
                save(screen()),
                out,
                document=MEMBERS,
                reading=Reading(PLAIN.columns, control="DMSO"),
                progress=lambda rows, _: done.append(rows),
            )
        assert done == []

    def test_an_entry_that_stands_twice_is_named(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen(4)
        data.X = sparse.csr_matrix(
            (np.ones(5, np.float32), [0, 1, 2, 2, 3], [0, 1, 2, 4, 5]), shape=(4, 12)
        )
        error = refuse(save(data), out)
        assert f"column 2 of row {data.obs_names[2]} twice" in str(error)

    def test_a_file_of_another_kind_is_told_before_what_its_document_lacks(
        self, tmp_path: Path, out: Path
    ) -> None:
        images = tmp_path / "crops.npz"
        images.write_bytes(b"PK")
        with pytest.raises((UsageError, Unreadable), match=r"crops\.npz"):
            convert_dataset(images, out, document={}, reading=PLAIN)

    def test_a_document_that_lacks_members_says_which(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        lacking = {"title", "features", "licence"}
        document = {name: MEMBERS[name] for name in MEMBERS if name not in lacking}
        told = str(refuse(save(screen()), out, document))
        assert "lacks title (--title), features (--namespace), licence (--licence)" in told
        assert "`vcspec explain dataset`" in told

    def test_a_library_size_has_to_be_named_where_counts_are_over_the_library(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        document = {**MEMBERS, "values": parse_values("counts:library")}
        assert "--map library_size=COLUMN" in str(refuse(save(screen()), out, document))

    def test_a_document_off_its_schema_is_invalid(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        error = refuse(save(screen()), out, {**MEMBERS, "organism": "human"})
        assert isinstance(error, Invalid)
        assert error.report.codes == ("VCS101",)

    def test_features_of_one_name_are_found(self, save: Callable[..., Path], out: Path) -> None:
        data = screen()
        data.var["symbol"] = ["twin", "twin", *GENES[2:]]
        reading = reading_of(
            "", ["features=symbol", "context=cell", "perturbation=drug"], control="ctrl"
        )
        error = refuse(save(data), out, reading=reading)
        assert isinstance(error, Invalid)
        assert "VCS114" in error.report.codes

    def test_links_in_a_zarr_source_are_refused(self, tmp_path: Path, out: Path) -> None:
        screen().write_zarr(tmp_path / "x.zarr")
        stored = (path for path in (tmp_path / "x.zarr/X").rglob("*") if path.is_file())
        chunk = next(
            path for path in stored if path.name not in {".zarray", ".zattrs", "zarr.json"}
        )
        chunk.rename(tmp_path / "elsewhere")
        chunk.symlink_to(tmp_path / "elsewhere")
        error = refuse(tmp_path / "x.zarr", out)
        assert isinstance(error, Refused)
        assert "VCS006" in str(error)

    def test_a_folder_that_is_no_store_is_unreadable(self, tmp_path: Path, out: Path) -> None:
        (tmp_path / "x.zarr").mkdir()
        assert isinstance(refuse(tmp_path / "x.zarr", out), Unreadable)

    def test_a_card_with_a_misspelled_member_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "card.toml").write_text('titel = "x"\n')
        with pytest.raises(UsageError, match=r"'titel'.*title"):
            card_document(tmp_path / "card.toml")
        with pytest.raises(Unreadable, match="is not a card"):
            card_document(tmp_path / "none.toml")

    @pytest.mark.parametrize("value", ["2024-01-01", "nan"])
    def test_a_card_with_a_value_that_json_has_not_is_refused(
        self, value: str, tmp_path: Path
    ) -> None:
        (tmp_path / "card.toml").write_text(f"x-made = {value}\n")
        with pytest.raises(Unreadable, match=r"holds what JSON does not .*dates as text"):
            card_document(tmp_path / "card.toml")


class TestNothingHalfWritten:
    def test_what_is_there_is_kept_unless_overwriting_succeeds(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        data = screen()
        first = convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN)
        with pytest.raises(UsageError, match="exists"):
            convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN)
        data.X[0, 0] = -1
        with pytest.raises(Invalid):
            convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN, overwrite=True)
        assert sealed_content(out) == first.content
        data.X[0, 0] = 77
        second = convert_dataset(save(data), out, document=MEMBERS, reading=PLAIN, overwrite=True)
        assert sealed_content(out) == second.content != first.content
        assert list(out.parent.iterdir()) == [out]

    @pytest.mark.parametrize("at", ["values", "tables", "check"])
    def test_an_interruption_leaves_nothing_behind(
        self,
        save: Callable[..., Path],
        out: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        at: str,
    ) -> None:
        (tmp_path / "scratch").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
        monkeypatch.setattr("vcspec.storage.anndata_source.BLOCK_ENTRIES", 50)

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        if at == "tables":
            monkeypatch.setattr("vcspec.actions.conversion.tables", interrupt)
        if at == "check":
            monkeypatch.setattr("vcspec.storage.writing.seal", interrupt)
        progress = interrupt if at == "values" else None
        with pytest.raises(KeyboardInterrupt):
            convert_dataset(save(screen()), out, document=MEMBERS, reading=PLAIN, progress=progress)
        assert list(out.parent.iterdir()) == []
        assert list((tmp_path / "scratch").iterdir()) == []

    def test_progress_counts_rows_up_to_all(
        self, save: Callable[..., Path], out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vcspec.storage.anndata_source.BLOCK_ENTRIES", 50)
        seen: list[tuple[int, int]] = []
        convert_dataset(
            save(screen()),
            out,
            document=MEMBERS,
            reading=PLAIN,
            progress=lambda *both: seen.append(both),
        )
        assert len(seen) > 5
        assert seen == sorted(seen)
        assert seen[-1] == (60, 60)


TESTED = ("C", "D")
CELLS = 4


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """A split whose test conditions are C and D in K562; the control is `control`."""
    roles = {"control": "train", "A": "train", "B": "train", "C": "test", "D": "test"}
    labels = np.array(list(roles), dtype=object)
    document = {
        "kind": "split",
        "spec": CURRENT,
        "id": "my-screen/unseen",
        "version": "1.0.0",
        "title": "Unseen perturbations",
        "simulated": False,
        "task": "perturbation-response",
        "claim": "unseen-perturbation",
        "datasets": [
            {"id": "my-screen", "version": "1.0.0", "content": f"vcs1c-sha256:{'0' * 64}"}
        ],
        "strategy": {"name": "by-hand", "seed": 0, "parameters": {}},
        "condition": ["context", "perturbation"],
        "control": "control",
        "values": {"space": "log1p", "target_sum": 10000, "total": "features"},
        "cells_per_condition": CELLS,
        "licence": "CC-BY-4.0",
    }
    target = tmp_path / "split.zarr"
    write_arrays(
        target,
        document,
        {},
        obs={
            "_index": np.array([f"K562|{label}" for label in labels], dtype=object),
            "context": np.array(["K562"] * len(labels), dtype=object),
            "perturbation": labels,
            "role": np.array(list(roles.values()), dtype=object),
            "reason": np.array(["-"] * len(labels), dtype=object),
        },
        var={
            "_index": np.array(GENES, dtype=object),
            "is_target": np.array([gene in roles for gene in GENES]),
        },
    )
    return target


def predicted(*labels: str, cells: int = CELLS) -> anndata.AnnData:
    """log1p values of counts scaled to 10,000, rows shuffled, as cell-eval takes them."""
    rng = np.random.default_rng(1)
    raw = rng.poisson(2.0, (len(labels) * cells, len(GENES))) + 1.0
    values = np.log1p(raw / raw.sum(1, keepdims=True) * 10_000).astype(np.float32)
    obs = pd.DataFrame({"target_gene": np.repeat(labels, cells)})
    obs.index = [f"row{row}" for row in range(len(obs))]
    data = anndata.AnnData(X=values, obs=obs, var=pd.DataFrame(index=GENES))
    return data[rng.permutation(len(data))].copy()


MODEL = {
    "model": {"name": "mine", "version": "1"},
    "level": "cells",
    "values": {"space": "log1p", "target_sum": 10000, "total": "features"},
}
CELL_EVAL = reading_of("cell-eval", constants=["context=K562"])


class TestPredictions:
    @pytest.mark.parametrize("encoding", ["csr", "csc", "dense", "float64"])
    def test_the_result_is_valid_and_pins_its_split(
        self, save: Callable[..., Path], out: Path, split: Path, encoding: str
    ) -> None:
        data = predicted(*TESTED)
        data.X = ENCODINGS[encoding](data.X)
        training = {"datasets": ["GEO:GSE0"], "corpora": [], "priors": ["GO"]}
        done = convert_predictions(
            save(data),
            out,
            split=split,
            document={**MODEL, "training": training},
            reading=CELL_EVAL,
        )
        assert validate(out, split=split, level="full").verdict == "valid"
        found = assert_same_cells(out, data)
        assert found.obs["perturbation"].tolist() == ["C"] * CELLS + ["D"] * CELLS
        document = anndata_document(out)
        assert document["split"] == {
            "id": "my-screen/unseen", "version": "1.0.0", "content": sealed_content(split)
        }  # fmt: skip
        assert document["condition"] == ["context", "perturbation"]
        assert document["training"] == training
        assert (done.rows, done.conditions) == (2 * CELLS, 2)

    def test_features_in_another_order_are_put_in_the_splits(
        self, save: Callable[..., Path], out: Path, split: Path
    ) -> None:
        data = predicted(*TESTED)
        shuffled = data[:, np.random.default_rng(2).permutation(len(GENES))].copy()
        done = convert_predictions(
            save(shuffled), out, split=split, document=MODEL, reading=CELL_EVAL
        )
        found = assert_same_cells(out, data)
        assert found.var_names.tolist() == GENES
        assert "features reordered to the split's panel" in done.changes

    @pytest.mark.parametrize(
        ("rename", "codes"),
        [
            ({"G3": "G-3"}, ("VCS504", "VCS505")),
            ({gene: gene.lower() for gene in GENES}, ("VCS504",)),
        ],
    )
    def test_other_features_are_reported_with_near_spellings(
        self,
        save: Callable[..., Path],
        out: Path,
        split: Path,
        rename: dict[str, str],
        codes: tuple[str, ...],
    ) -> None:
        data = predicted(*TESTED)
        data.var_names = [rename.get(gene, gene) for gene in GENES]
        with pytest.raises(Invalid) as caught:
            convert_predictions(save(data), out, split=split, document=MODEL, reading=CELL_EVAL)
        assert set(codes) <= set(caught.value.report.codes)
        missing = next(f for f in caught.value.report.findings if f.code == "VCS504")
        assert "near: G-3" in missing.examples[0] or "case alone" in missing.hint
        assert list(out.parent.iterdir()) == []

    def test_controls_are_an_error_unless_dropping_them_is_asked_for(
        self, save: Callable[..., Path], out: Path, split: Path
    ) -> None:
        source = save(predicted("C", "non-targeting", "D"))
        with pytest.raises(Invalid) as caught:
            convert_predictions(source, out, split=split, document=MODEL, reading=CELL_EVAL)
        assert "VCS507" in caught.value.report.codes
        done = convert_predictions(
            source, out, split=split, document=MODEL, reading=CELL_EVAL, drop_controls=True
        )
        assert f"{CELLS} rows of controls dropped" in done.changes
        assert set(anndata.read_zarr(out).obs["perturbation"]) == set(TESTED)

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (lambda: predicted("C"), "VCS501"),
            (lambda: predicted("C", "D", "A"), "VCS502"),
            (lambda: predicted(*TESTED, cells=3), "VCS508"),
        ],
    )
    def test_conditions_other_than_the_tested_ones_are_reported(
        self,
        save: Callable[..., Path],
        out: Path,
        split: Path,
        data: Callable[[], anndata.AnnData],
        code: str,
    ) -> None:
        source = save(data())
        with pytest.raises(Invalid) as caught:
            convert_predictions(source, out, split=split, document=MODEL, reading=CELL_EVAL)
        assert code in caught.value.report.codes

    def test_one_profile_a_condition(
        self, save: Callable[..., Path], out: Path, split: Path
    ) -> None:
        data = predicted(*TESTED, cells=1)
        document = {**MODEL, "level": "profiles"}
        done = convert_predictions(
            save(data), out, split=split, document=document, reading=CELL_EVAL
        )
        assert_same_cells(out, data)
        assert done.rows == 2

    def test_rows_of_one_name_are_numbered(
        self, save: Callable[..., Path], out: Path, split: Path
    ) -> None:
        data = predicted(*TESTED)
        data.obs_names = ["x"] * len(data)
        done = convert_predictions(save(data), out, split=split, document=MODEL, reading=CELL_EVAL)
        assert anndata.read_zarr(out).obs_names.tolist() == [str(n) for n in range(2 * CELLS)]
        assert "row names were not unique; rows are numbered" in done.changes

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (np.rint, "VCS511"),
            (lambda x: x * 3, "VCS511"),
            (lambda x: np.where(x == x.max(), np.nan, x), "VCS509"),
            (lambda x: x - 8, "VCS513"),
        ],
    )
    def test_values_off_their_declared_space_leave_nothing(
        self, save: Callable[..., Path], out: Path, split: Path, change: Any, code: str
    ) -> None:
        data = predicted(*TESTED)
        data.X = change(data.X).astype(np.float32)
        with pytest.raises(Invalid) as caught:
            convert_predictions(save(data), out, split=split, document=MODEL, reading=CELL_EVAL)
        assert code in caught.value.report.codes
        assert list(out.parent.iterdir()) == []

    def test_a_value_space_that_is_not_the_splits_is_reported(
        self, save: Callable[..., Path], out: Path, split: Path
    ) -> None:
        document = {**MODEL, "values": parse_values("log1p:1000000")}
        with pytest.raises(Invalid) as caught:
            convert_predictions(
                save(predicted(*TESTED)), out, split=split, document=document, reading=CELL_EVAL
            )
        assert "VCS510" in caught.value.report.codes

    def test_the_model_has_to_be_named(
        self, save: Callable[..., Path], out: Path, split: Path
    ) -> None:
        with pytest.raises(UsageError, match="lacks model"):
            convert_predictions(
                save(predicted(*TESTED)),
                out,
                split=split,
                document={name: MODEL[name] for name in ("level", "values")},
                reading=CELL_EVAL,
            )

    def test_something_that_is_no_split_is_refused(
        self, save: Callable[..., Path], out: Path
    ) -> None:
        source = save(screen())
        convert_dataset(source, out, document=MEMBERS, reading=PLAIN)
        with pytest.raises(UsageError, match="a sound split is needed"):
            convert_predictions(
                source, out.with_name("p.zarr"), split=out, document=MODEL, reading=CELL_EVAL
            )


REAL = {
    "norman_mcfaline_crispr/norman_mcfaline.h5ad": (
        ["study=dataset", "context=cell_type", "perturbation=perturbation", "library_size=ncounts"],
        "counts",
    ),
    "kang_ifnb_pbmc/kang_valid.h5ad": (
        ["context=cell_type", "perturbation=perturbation", "library_size=n_counts"],
        "counts",
    ),
    "datlinger21_jurkat_tcr/datlinger21_jurkat.h5ad": (
        ["context=context", "perturbation=perturbation", "library_size=ncounts"],
        "",
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_screens_convert_to_valid_datasets(name: str, out: Path) -> None:
    if not (DATA / name).is_file():
        pytest.skip(f"real data missing: {DATA / name}")
    pairs, layer = REAL[name]
    reading = reading_of("", pairs, layer=layer, control="control")
    document = {**MEMBERS, "values": parse_values("counts:library")}
    done = convert_dataset(DATA / name, out, document=document, reading=reading)
    data = anndata.read_h5ad(DATA / name)
    if layer:
        data.X = data.layers[layer]
    found = assert_same_cells(out, data)
    assert validate(out, level="full").verdict == "valid"
    columns = [pair.split("=") for pair in pairs if not pair.startswith("library_size")]
    original = data.obs.loc[found.obs_names]
    for ours, theirs in columns:
        labels = [
            canonical_perturbation(label, "control") for label in original[theirs].astype(str)
        ]
        assert found.obs[ours].tolist() == labels
    assert done.conditions == len(set(zip(*(found.obs[ours] for ours, _ in columns), strict=True)))
