"""The comparisons, a function each: what runs, against what, and the bars."""

import atexit
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from environments import environment, installed_size
from measure import HERE, ONE_THREAD, Side, at_most, times_as_much, times_less
from screens import Screen

VCSPEC = [sys.executable, "-m", "vcspec"]
TINY = Screen(60, 5, 30, 300)
SMALL = Screen(200, 10, 80, 600)
SCREENS = {
    "medium": Screen(5_000, 100, 450, 10_000),
    "core": Screen(2_000, 50, 360, 5_000),
    "tall": Screen(10_000, 500, 2_000, 2_000),
    "tall-tenth": Screen(10_000, 500, 200, 2_000),
    "wide": Screen(10_000, 160, 625, 18_080, continuous=True),
    "gigabyte": Screen(10_000, 160, 1_350, 18_080),
}
SMALL_SCREENS = {
    "tall": Screen(200, 10, 800, 300),
    "tall-tenth": Screen(200, 10, 80, 300),
    "wide": Screen(200, 4, 50, 2_000, continuous=True),
    "gigabyte": Screen(200, 4, 80, 2_000),
}
GIBI = 1024.0  # MiB


@dataclass
class Bench:
    """Where and how large; makes what the rows need."""

    scratch: Path
    size: str = "full"

    def screen(self, name):
        if self.size == "full":
            return SCREENS[name]
        return SMALL_SCREENS.get(name, SMALL)

    def made(self, screen, *parts):
        """Folder of a screen that has its stores and `parts`, which are `h5ad` and `reference`."""
        options = [*screen.options, *(f"--{part}" for part in parts)]
        print(f"  screen {screen.name} {' '.join(parts)}", flush=True)
        script = [sys.executable, str(HERE / "data.py"), str(self.scratch)]
        subprocess.run([*script, *options], check=True)
        return screen.folder(self.scratch)

    def folder(self, name, *parts):
        return self.made(self.screen(name), *parts)

    def tiny(self, *parts):
        return self.made(TINY, *parts)

    def peer(self, name="peers"):
        return environment(name, self.scratch)


def engine(python, script, *arguments):
    return [str(python), str(HERE / "engines" / f"{script}.py"), *map(str, arguments)]


def twice(name, make, folder, tiny, says=""):
    """A side, and the same on a tiny screen, which is hardly more than its start-up."""
    start_up = Side(f"{name}, start-up", make(tiny), once=True, says="the same on a tiny screen")
    return [Side(name, make(folder), says=says), start_up]


def score_command(folder, *options):
    return [*VCSPEC, "score", str(folder / "predictions.zarr"), *options, "--quiet"]


def without_reference(folder, *options):
    return score_command(folder, "--dataset", str(folder / "dataset.zarr"), *options)


def with_reference(folder, *options):
    reference = str(folder / "prepared" / "reference.zarr")
    return score_command(folder, "--reference", reference, *options)


def score(bench, name, profile, suite, *parts):
    """Sides of a comparison with cell-eval; with a prepared reference too, where it is a part."""
    asked = ("--suite", suite)
    python, problem = bench.peer()
    parts = ("h5ad", *parts)
    folder, tiny = bench.folder(name, *parts), bench.tiny(*parts)

    def cell_eval(folder):
        files = ["-ap", str(folder / "pred.h5ad"), "-ar", str(folder / "real.h5ad")]
        out = ["-o", str(bench.scratch / "cell-eval")]
        program = str(python.with_name("cell-eval"))
        return [program, "run", *files, *out, "--num-threads", "2", "--profile", profile]

    peers = twice(f"cell-eval {profile}", cell_eval, folder, tiny, says="2 threads")
    for side in peers:
        side.error = problem
    sides = twice("vcspec, both sides", lambda at: without_reference(at, *asked), folder, tiny)
    if "reference" in parts:
        sides += twice(
            "vcspec, reference prepared", lambda at: with_reference(at, *asked), folder, tiny
        )
    return peers + sides


def score_vcc(bench):
    """Scores of vcc-2025, with both sides computed from their cells, or one of them before."""
    sides = score(bench, "medium", "vcc", "vcc-2025", "reference")

    def checks():
        peer, both, prepared = sides[0], sides[2], sides[4]
        return [
            times_less((both, peer), "cpu", 20),
            times_less((both, peer), "peak", 8),
            times_less((prepared, peer), "cpu", 40),
        ]

    return bench.screen("medium").says, sides, checks


def score_core(bench):
    """All metrics of core-1.0, with both sides computed from their cells."""
    sides = score(bench, "core", "full", "core-1.0")
    return bench.screen("core").says, sides, lambda: [times_less((sides[2], sides[0]), "cpu", 15)]


def de_memory(bench):
    """Rank-sum tests in memory, every perturbation against the control; one thread."""
    python, problem = bench.peer()
    file = bench.folder("medium", "h5ad") / "real.h5ad"
    ours = Side("vcspec", engine(sys.executable, "de_memory", "vcspec", file), ONE_THREAD)
    peers = [
        Side(name, engine(python, "de_memory", name, file), ONE_THREAD, error=problem)
        for name in ("illico", "pdex", "scanpy")
    ]
    peers[-1].says = "5 perturbations, scaled up to all"

    def checks():
        bars = zip(peers, (4, 15, 100), strict=True)
        return [
            *(times_less((ours, peer), "call_cpu", bar) for peer, bar in bars),
            at_most(ours, "nanoseconds_a_value", 35),
            at_most(ours, "off_u", 0),
            at_most(ours, "off_p", 1e-12),
        ]

    return bench.screen("medium").says, [ours, *peers], checks


def decoding(folder, tiny, store):
    """Sides of zarr-python alone."""

    def command(folder):
        return engine(sys.executable, "decode", folder / store)

    return twice("zarr-python decoding", command, folder, tiny)


def de_store(bench):
    """Rank-sum tests, moments and checks in one pass from a store."""
    python, problem = bench.peer()
    folder, tiny = bench.folder("medium"), bench.tiny()

    def command(python, name):
        return lambda folder: engine(
            python, "de_store", name, folder / "dataset.zarr", tiny / "dataset.zarr"
        )

    ours = twice("vcspec", command(sys.executable, "vcspec"), folder, tiny)
    illico = twice("illico", command(python, "illico"), folder, tiny, says="on its backed CSR")
    for side in illico:
        side.error = problem
    zarr = decoding(folder, tiny, "dataset.zarr")

    def checks():
        return [
            times_as_much((ours[0], zarr[0]), "cpu", 3),
            at_most(ours[0], "nanoseconds_a_value", 50),
            times_less((ours[0], illico[0]), "cpu", 8),
            times_less((ours[0], illico[0]), "call_cpu", 8),
            times_less((ours[0], illico[0]), "peak", 4),
        ]

    return bench.screen("medium").says, [*ours, *zarr, *illico], checks


def against_decoding(bench, make, store, bar):
    folder, tiny = bench.folder("medium"), bench.tiny()
    ours, zarr = twice("vcspec", make, folder, tiny), decoding(folder, tiny, store)

    def checks():
        return [times_as_much((ours[0], zarr[0]), "cpu", bar)]

    return bench.screen("medium").says, [*ours, *zarr], checks


def moments_store(bench):
    """Moments of every condition, from a store."""

    def command(folder):
        return engine(sys.executable, "moments", folder / "dataset.zarr")

    return against_decoding(bench, command, "dataset.zarr", 1.0)


def validate_command(store, level):
    return [*VCSPEC, "validate", "--level", level, str(store), "--quiet"]


def validate_data(bench):
    """Full validation: rules on values, content digest, digests of objects."""

    def command(folder):
        return validate_command(folder / "predictions.zarr", "full")

    return against_decoding(bench, command, "predictions.zarr", 1.5)


def verify_store(bench):
    """Every object of a store held against its digest."""
    folder, tiny = bench.folder("wide"), bench.tiny()

    def ours(folder):
        return [*VCSPEC, "verify", str(folder / "predictions.zarr"), "--quiet"]

    def theirs(folder):
        return engine(sys.executable, "digest", folder / "predictions.zarr")

    sides = twice("vcspec", ours, folder, tiny) + twice("hashlib", theirs, folder, tiny)

    def checks():
        return [times_as_much((sides[0], sides[2]), "cpu", 1.3)]

    return bench.screen("wide").says, sides, checks


def audit(bench):
    """A split's leaks looked for, copies and near copies among its cells."""
    folder, tiny = bench.folder("tall"), bench.tiny()

    def ours(folder):
        split, dataset = str(folder / "split.zarr"), str(folder / "dataset.zarr")
        return [*VCSPEC, "audit", split, "--dataset", dataset, "--quiet"]

    sides = twice("vcspec", ours, folder, tiny) + decoding(folder, tiny, "dataset.zarr")

    def checks():
        return [times_as_much((sides[0], sides[2]), "cpu", 5), at_most(sides[0], "peak", 1024)]

    return bench.screen("tall").says, sides, checks


def discrimination(bench):
    """Distances of predicted profiles to true ones; one thread."""
    profiles, genes = (2_000, 10_000) if bench.size == "full" else (100, 500)
    kinds = ("l1", "l2", "cosine")
    pairs = [
        [
            Side(
                f"{name} {kind}",
                engine(sys.executable, "distances", name, kind, profiles, genes),
                ONE_THREAD,
            )
            for name in ("vcspec", "scipy")
        ]
        for kind in kinds
    ]

    def checks():
        faster = [times_less(pair, "call_cpu", 1) for pair in pairs]
        return faster + [at_most(ours, "call_growth", 256) for ours, _ in pairs]

    says = f"{profiles:,} x {profiles:,} conditions x {genes:,} genes"
    return says, [side for pair in pairs for side in pair], checks


def energy_distance(bench):
    """Energy distances between all pairs of conditions; one thread."""
    sizes = (100, 400, 50) if bench.size == "full" else (10, 40, 50)
    ours = Side("vcspec", engine(sys.executable, "energy", "vcspec", *sizes), ONE_THREAD)
    peers = []
    for name, home in (("pertpy", "pertpy"), ("scikit-learn", "peers")):
        python, problem = bench.peer(home)
        command = engine(python, "energy", name, *sizes)
        peers.append(Side(name, command, ONE_THREAD, error=problem))
    peers[0].says = "30 conditions, scaled up to all pairs of cells"

    def checks():
        less = [times_less((ours, peer), "call_cpu", 5) for peer in peers]
        return [*less, at_most(ours, "off", 1e-8)]

    says = "{:,} conditions x {:,} cells x {:,} dimensions, all pairs".format(*sizes)
    return says, [ours, *peers], checks


def workers(bench):
    """Two workers instead of one, on an idle machine."""
    folder = bench.folder("medium")
    sides = [
        Side(f"vcspec, {number} worker{'s' * (number > 1)}", command)
        for number in (2, 1)
        for command in [[*without_reference(folder), "--workers", str(number)]]
    ]
    return bench.screen("medium").says, sides, lambda: [times_less(sides, "wall", 1.7)]


def memory(bench):
    """Peaks of resident memory; the run fails where a limit is broken."""
    named = {"tall": 1_000_000, "tall-tenth": 100_000, "wide": 100_000}
    sides = {}
    for name in named:
        folder, screen = bench.folder(name), bench.screen(name)
        size = f"{screen.perturbations * screen.cells:,} x {screen.genes:,}"
        validate = validate_command(folder / "predictions.zarr", "full")
        sides[name, "validate"] = Side(f"vcspec validate, {size}", validate)
        sides[name, "score"] = Side(f"vcspec score, {size}", without_reference(folder))

    def checks():
        limits = {"validate": 1.0 * GIBI, "score": 1.5 * GIBI}
        largest = [
            at_most(sides[name, verb], "peak", limit)
            for name in ("tall", "wide")
            for verb, limit in limits.items()
        ]
        growth = [
            times_as_much((sides["tall", verb], sides["tall-tenth", verb]), "peak", 1.1)
            for verb in limits
        ]
        return largest + growth

    return "predictions, cells x genes", list(sides.values()), checks


def remote(bench):
    """Commands on a store behind a server that waits 20 ms before each answer."""
    folder = bench.scratch / f"remote-{bench.size}"
    entries = "43" if bench.size == "full" else "1"
    subprocess.run(
        [sys.executable, str(HERE / "remote.py"), str(folder), "--entries", entries], check=True
    )
    environment = served(folder, latency=0.02)
    sides = {}
    for where, place in (("disk", str(folder / "bucket")), ("server", "s3://bucket")):
        model, options = f"{place}/model.zarr", ["--split", f"{place}/split.zarr", "--quiet"]
        reference = ["--reference", f"{place}/reference.zarr"]
        commands = {
            "validate": [*VCSPEC, "validate", "--level", "full", model, *options],
            "score": [*VCSPEC, "score", model, *options, *reference],
        }
        for verb, command in commands.items():
            sides[verb, where] = Side(f"vcspec {verb}, {where}", command, environment)

    def checks():
        pairs = [(sides[verb, "server"], sides[verb, "disk"]) for verb in ("validate", "score")]
        return [times_as_much(pair, "wall", 1.5) for pair in pairs]

    return "predictions of 200 MB; the server shares the cores", list(sides.values()), checks


def served(folder, latency):
    """Variables under which the folders below `folder` are buckets, until the process ends."""
    program = [sys.executable, str(HERE.parent / "tests" / "support" / "s3.py"), str(folder)]
    server = subprocess.Popen(
        [*program, "--latency", str(latency)], stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.terminate)
    lines = [server.stdout.readline() for _ in range(4)]
    return dict(line.strip().removeprefix("export ").split("=", 1) for line in lines)


def moving(bench, name, store, *options, once=False):
    """A maker of sides of `engines/publishing.py`, on that store, below that place."""
    environment, places = {}, {"folder": str(bench.scratch / "places" / name)}
    try:
        places["server"], environment = gateway()
    except RuntimeError as error:
        problem = str(error)
    else:
        problem = ""

    def side(work, engine_name, where):
        place = places.get(where, "s3://bucket")
        scratch = bench.scratch / "fetched"
        command = engine(
            sys.executable, "publishing", work, engine_name, store, place, scratch, *options
        )
        says = {"vcspec": "vcspec", "plain": "plain driver"}[engine_name]
        made = Side(f"{says} {work}, {where}", command, environment, once=once)
        made.error = problem if where == "server" else ""
        return made

    return side


def publishing(bench):
    """A dataset is published, fetched and verified, in a folder and on a server on loopback."""
    store = bench.folder("gigabyte") / "dataset.zarr"
    side = moving(bench, "timed", store)
    hashing = Side("hashlib", engine(sys.executable, "digest", store))
    pairs = {
        (side("publish", "vcspec", "folder"), side("validate", "vcspec", "folder")): 1.5,
        (side("fetch", "vcspec", "folder"), hashing): 2,
        (side("verify", "vcspec", "folder"), hashing): 1.3,
        (side("publish", "vcspec", "server"), up := side("publish", "plain", "server")): 3,
        (side("fetch", "vcspec", "server"), down := side("fetch", "plain", "server")): 1.5,
        (side("verify", "vcspec", "server"), down): 1.3,
    }
    copies = [side("publish", "plain", "folder"), up, down]
    sides = [*dict.fromkeys([*(one for pair in pairs for one in pair), *copies])]

    def checks():
        return [times_as_much(pair, "call_wall", bar) for pair, bar in pairs.items()]

    return f"{stored(store)}; the server shares the cores", sides, checks


def requests(bench):
    """Requests of each operation to a server, counted by what lies between."""
    store = bench.folder("gigabyte") / "dataset.zarr"
    side = moving(bench, "counted", store, "--counted", once=True)
    sides = {work: side(work, "vcspec", "server") for work in ("publish", "fetch", "verify")}
    look = side("look", "vcspec", "server")

    def checks():
        bars = {"publish": 3, "fetch": 1.5, "verify": 1.5}
        each = [at_most(sides[work], "requests_an_object", bar) for work, bar in bars.items()]
        return [*each, at_most(look, "requests", 6)]

    return f"{stored(store)}; look: validate --level metadata", [*sides.values(), look], checks


def stored(store):
    """How large a store is, in words."""
    sizes = [path.stat().st_size for path in store.rglob("*") if path.is_file()]
    return f"{sum(sizes) / 1e9:.2f} GB in {len(sizes):,} objects"


def gateway():
    """URL of a bucket on Ceph's gateway, and variables for drivers, until the process ends.

    Raises:
        RuntimeError: it is not installed.
    """
    server = subprocess.Popen(
        [sys.executable, str(HERE / "gateway.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = server.stdout.readline()
    if not line:
        raise RuntimeError(server.stderr.read().strip())
    atexit.register(server.communicate)
    found = json.loads(line)
    return found["root"], found["environment"]


def startup(bench):
    """What a user waits for before anything is computed, and what an installation takes."""
    largest = bench.folder("tall")
    python, problem = bench.peer("core")
    program = str(python.with_name("vcspec"))
    timed = {
        "vcspec --help": ([program, "--help"], 0.3),
        "vcspec --version": ([program, "--version"], 0.3),
        "vcspec explain pearson-delta": ([program, "explain", "pearson-delta"], 0.3),
        "import vcspec": ([str(python), "-c", "import vcspec"], 0.15),
        "vcspec validate --level metadata": (
            [program, *validate_command(largest / "predictions.zarr", "metadata")[3:]],
            0.5,
        ),
    }
    without_checkout = {"PYTHONPATH": ""}
    sides = [
        Side(name, command, without_checkout, error=problem) for name, (command, _) in timed.items()
    ]
    size = Side("core installation", [str(python), "-m", "pip", "install", "."], error=problem)
    size.once = True
    if not problem:
        size.runs = [{"installed": installed_size("core", bench.scratch)}]

    def checks():
        bars = [bar for _, bar in timed.values()]
        waits = [at_most(side, "wall", bar) for side, bar in zip(sides, bars, strict=True)]
        return [*waits, at_most(size, "installed", 600)]

    return f"largest store: {bench.screen('tall').says}", [*sides, size], checks


ROWS = {
    "score-vcc": score_vcc,
    "score-core": score_core,
    "de-memory": de_memory,
    "de-store": de_store,
    "moments-store": moments_store,
    "validate-data": validate_data,
    "verify-store": verify_store,
    "audit": audit,
    "discrimination": discrimination,
    "energy-distance": energy_distance,
    "workers": workers,
    "memory": memory,
    "remote": remote,
    "publishing": publishing,
    "requests": requests,
    "startup": startup,
}
ASSERTED = {"memory"}
