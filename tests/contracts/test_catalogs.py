"""The tie between the standard and its implementation is total."""

import importlib
import pkgutil

import pytest

import vcspec.baselines
import vcspec.metrics
import vcspec.rules.audit
import vcspec.rules.whole
import vcspec.splitting
from vcspec.baselines.arms import ARMS
from vcspec.baselines.profiles import BASELINES
from vcspec.metrics.flags import FLAGS
from vcspec.metrics.suite import METRICS
from vcspec.rules.book import RULES
from vcspec.rules.leaks import LEAKS
from vcspec.splitting.strategies import STRATEGIES
from vcspec.standard import standard

CATALOGS = {
    "rules": (RULES, vcspec.rules),
    "metrics": (METRICS, vcspec.metrics),
    "strategies": (STRATEGIES, vcspec.splitting),
    "baselines": (BASELINES, vcspec.baselines),
    "flags": (FLAGS, vcspec.metrics),
    "leaks": (LEAKS, vcspec.rules),
    "arms": (ARMS, vcspec.baselines),
}


@pytest.mark.parametrize("table", CATALOGS)
def test_every_name_of_the_standard_is_implemented_and_no_other(table: str) -> None:
    catalog, _ = CATALOGS[table]
    assert catalog.names == frozenset(getattr(standard(), table))
    assert catalog.names
    assert catalog.unclaimed() == frozenset()
    assert all(callable(catalog[name]) for name in catalog.names)


@pytest.mark.parametrize("table", CATALOGS)
def test_importing_a_room_claims_all_that_its_modules_claim(table: str) -> None:
    catalog, room = CATALOGS[table]
    before = {name: catalog[name] for name in catalog.names}
    for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
    assert {name: catalog[name] for name in catalog.names} == before


@pytest.mark.parametrize("table", ["metrics", "strategies", "baselines"])
def test_no_code_implements_two_names(table: str) -> None:
    catalog, _ = CATALOGS[table]
    by_code: dict[int, str] = {}
    for name in sorted(catalog.names):
        assert by_code.setdefault(id(catalog[name]), name) == name or table == "metrics"


def test_another_word_for_a_strategy_means_one_alone() -> None:
    also = [word for entry in standard().strategies.values() for word in entry.get("also", ())]
    assert len(also) == len(set(also))
    assert not set(also) & {*standard().strategies, *standard().claims}
    assert all(word == word.casefold() for word in also)


def test_what_tables_say_of_each_other_is_there() -> None:
    known = standard()
    for name, strategy in known.strategies.items():
        assert strategy["claim"] in known.claims, name
        assert set(strategy["guarantees"]) <= known.rules.keys(), name
        assert set(known.claims[strategy["claim"]]["asks"]) <= set(strategy["guarantees"]), name
    for name, claim in known.claims.items():
        assert set(claim["asks"]) <= known.rules.keys(), name
        assert set(claim["baselines"]) <= known.baselines.keys(), name
    assert known.schemas["split"]["properties"]["claim"]["enum"] == list(known.claims)
    assert {entry["claim"] for entry in known.strategies.values()} == known.claims.keys()
    for name, baseline in known.baselines.items():
        assert baseline["falls_back"] in {"", *known.baselines}, name
    for name, suite in known.suites.items():
        assert set(suite["metrics"]) <= known.metrics.keys(), name
        assert set(suite["headline"]) <= set(suite["metrics"]), name
        assert suite["task"] in known.tasks, name
    for name, task in known.tasks.items():
        assert set(task["baselines"]) <= known.baselines.keys(), name
        assert task["suite"] in known.suites, name
    for code, rule in known.rules.items():
        assert set(rule["needs"]) <= known.rules.keys(), code


def test_one_suite_holds_every_metric() -> None:
    assert set(standard().suites["catalogue"]["metrics"]) == set(standard().metrics)
