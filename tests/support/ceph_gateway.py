"""Ceph's RADOS Gateway, a true S3 store: one monitor, one store of objects in memory, one gateway.

Debian has it: `apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common`.
It checks secrets and digests. Buckets are made without a region, which it would refuse.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

from support.children import answers, child, free_port, run
from support.places import Server
from support.sessions import hang_up

PROGRAMS = (
    *("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd"),
    *("ceph", "ceph-authtool", "monmaptool"),
)
ABSENT = "Ceph's gateway is not installed"  # CI looks for it
KEY, SECRET = "anybody", "anything"

# With `auth_* = none` the gateway would hang; without the `paxos_` lines each pool takes 2 s.
SETTINGS = """
[global]
fsid = {cluster}
mon_host = v2:127.0.0.1:{monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = {folder}/keyring
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
mon_max_pg_per_osd = 1000
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
run_dir = {folder}
log_file = {folder}/$name.log
admin_socket =
mon_data = {folder}/mon.a
osd_data = {folder}/osd.0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
[client.admin]
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
"""


def missing() -> list[str]:
    """The programs that are not here."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


@contextmanager
def serving() -> Iterator[Server]:
    """The gateway until the block ends, in a folder that goes with it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ceph-")))
        cluster = _Cluster(folder, stack)
        processes = cluster.started()
        url = f"http://127.0.0.1:{cluster.gateway}"
        stack.callback(hang_up, url)
        options = {"endpoint_url": url, "key": KEY, "secret": SECRET}
        yield Server(url, "s3", options, tuple(process.pid for process in processes))


class _Cluster:
    """The three processes, from `started` until the stack unwinds."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.name = str(uuid.uuid4())
        self.monitor = free_port()
        self.gateway = free_port(self.monitor + 1)
        self.settings = folder / "ceph.conf"
        self.settings.write_text(
            SETTINGS.format(
                cluster=self.name, folder=folder, monitor=self.monitor, gateway=self.gateway
            )
        )
        for name in ("mon.a", "osd.0", "rgw"):
            (folder / name).mkdir()

    def started(self) -> list[Popen[bytes]]:
        """All of it, when the gateway answers."""
        self._keys()
        map_, keyring = self.folder / "monmap", self.folder / "keyring"
        self._do("ceph-mon", "-i", "a", "--mkfs", "--monmap", map_, "--keyring", keyring)
        monitor = self._keep("ceph-mon", "-i", "a")
        number = str(uuid.uuid4())
        self._do("ceph", "osd", "new", number)
        self._do("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", number)
        store = self._keep("ceph-osd", "-i", "0")
        user = ("--uid=anybody", "--display-name=anybody")
        keys = (f"--access-key={KEY}", f"--secret-key={SECRET}")
        self._do("radosgw-admin", "user", "create", *user, *keys)
        gateway = self._keep("radosgw", "-n", "client.admin")
        answers(gateway, self.folder / "radosgw.words", self.gateway)
        return [monitor, store, gateway]

    def _keys(self) -> None:
        """Keys of the processes, and the map of monitors."""
        tool = ("ceph-authtool", "--create-keyring", self.folder / "keyring", "--gen-key", "-n")
        more = ("ceph-authtool", self.folder / "keyring", "--gen-key", "-n")
        log = self.folder / "keys.words"
        run([*tool, "mon.", "--cap", "mon", "allow *"], log)
        caps = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
        run([*more, "client.admin", *caps], log)
        run([*more, "osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *"], log)
        place = ("--addv", "a", f"[v2:127.0.0.1:{self.monitor}]")
        map_ = self.folder / "monmap"
        run(["monmaptool", "--create", "--fsid", self.name, *place, map_], log)

    def _do(self, program: str, *arguments: str | Path) -> None:
        log = self.folder / f"{program}.done"
        run([program, "-c", self.settings, *arguments], log)

    def _keep(self, program: str, *arguments: str | Path) -> Popen[bytes]:
        log = self.folder / f"{program}.words"
        command = [program, "-c", self.settings, "-f", *arguments]
        return self.stack.enter_context(child(command, log))
