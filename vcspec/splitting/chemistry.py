"""Series of compounds that are close to each other: held out together, or leaks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vcspec.model.errors import UsageError
from vcspec.splitting.groups import joined, one_each, require_matches
from vcspec.splitting.strategies import Setting

SKELETON = 14  # letters of an InChIKey that name the skeleton, without stereochemistry and salts


def series_of(setting: Setting, members: Sequence[str]) -> Mapping[str, str]:
    """Series of each compound, by a table of structures.

    The table has the columns `perturbation` and `inchikey`, or `smiles`. Compounds with one first
    block of the InChIKey are one series. With SMILES, which RDKit reads, so are those with one
    Murcko scaffold (`series = scaffold`, the default), or with a Tanimoto similarity of Morgan
    fingerprints (radius 2, 2,048 bits) of at least `similarity` (`series = similarity`, 0.6).

    Raises:
        UsageError: there is no such table, or RDKit is needed and not there, or a structure cannot
            be read.
    """
    _, names = setting.column("perturbation")
    column, values = setting.column("smiles", "inchikey")
    given = one_each(column, names, values)
    require_matches(list(given), members, column)
    labels = list(_skeletons(setting, names))
    series = setting.choice.one_of("series", "scaffold", "similarity")
    if column == "smiles":
        structures = {name: _read(name, given[name]) for name in members if name in given}
        labels += [(name, _skeleton(found)) for name, found in structures.items()]
        if series == "scaffold":
            labels += _scaffolds(structures)
        else:
            labels += _similar(structures, setting.choice.share("similarity", 0.6))
    elif series == "similarity":
        message = "series is 'similarity', and the table has no column smiles; give one"
        raise UsageError(message)
    return joined(members, labels)


def _skeletons(setting: Setting, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, key in zip(names, setting.table.get("inchikey", ()), strict=False):
        if key:
            block = key.split("-")[0]
            if len(block) != SKELETON or not block.isupper():
                message = (
                    f"the InChIKey of {name} is {key!r}; "
                    "expected one such as LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
                )
                raise UsageError(message)
            yield name, block


def _rdkit() -> Any:
    try:
        from rdkit import Chem, rdBase
    except ImportError:
        message = (
            "structures are given as SMILES, and RDKit, which reads them, is not installed; "
            "`pip install 'vcspec[chem]'`, or give a column inchikey"
        )
        raise UsageError(message) from None
    rdBase.DisableLog("rdApp.*")
    return Chem


def _read(name: str, smiles: str) -> Any:
    """The largest part of the molecule, so that salts do not count."""
    chem = _rdkit()
    found = chem.MolFromSmiles(smiles)
    if found is None:
        message = f"the SMILES of {name} is {smiles!r}, which RDKit cannot read; correct it"
        raise UsageError(message)
    parts = chem.GetMolFrags(found, asMols=True)
    return max(parts, key=lambda part: (part.GetNumHeavyAtoms(), chem.MolToSmiles(part)))


def _skeleton(molecule: Any) -> str:
    return str(_rdkit().MolToInchiKey(molecule)).split("-")[0]


def _scaffolds(structures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Murcko scaffolds; a compound without a ring has none. Source: doi:10.1021/jm9602928."""
    from rdkit.Chem.Scaffolds import MurckoScaffold

    smiles_of: Callable[..., str] = MurckoScaffold.MurckoScaffoldSmiles
    for name, molecule in structures.items():
        if scaffold := smiles_of(mol=molecule, includeChirality=False):
            yield name, scaffold


def _similar(structures: Mapping[str, Any], least: float) -> Iterator[tuple[str, str]]:
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
    from rdkit.DataStructs import BulkTanimotoSimilarity

    maker = GetMorganGenerator(radius=2, fpSize=2048)
    names = list(structures)
    prints = [maker.GetFingerprint(structures[name]) for name in names]
    for place, name in enumerate(names[:-1]):
        near = BulkTanimotoSimilarity(prints[place], prints[place + 1 :])
        for other, similarity in zip(names[place + 1 :], near, strict=True):
            if similarity >= least:
                yield name, f"{name} ~ {other}"
                yield other, f"{name} ~ {other}"
