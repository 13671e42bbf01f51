"""``kube store snapshot``: back a store up, make a new one of a backup, and look at a backup. Commands and flags are etcdutl's."""

import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kube.cli.directory import DATA_DIRECTORY, STORED_DIRECTORY
from kube.cli.errors import CommandError
from kube.cli.runner import run

if TYPE_CHECKING:
    from kube.store.administration import MemberInfo
    from kube.store.backup.file import Backup

DEFAULT_ENDPOINT: Final = "127.0.0.1:2379"
_BACKUP: Final = click.Path(path_type=Path, dir_okay=False)


@click.group()
def snapshot() -> None:
    """Backups of the store: save one, restore it, look at it."""


# ---- save


@snapshot.command()
@click.argument("file", type=_BACKUP)
@click.option(
    "--data-dir",
    type=STORED_DIRECTORY,
    help="The directory of a store that is not running.",
)
@click.option(
    "--member",
    metavar="ID",
    help="Of --data-dir what this member has, where others are damaged: its directory is member-ID.",
)
@click.option(
    "--endpoint",
    "--endpoints",
    default=DEFAULT_ENDPOINT,
    show_default=True,
    help="A store that runs, by the address of its etcd API.",
)
@click.option("--cacert", default="", help="The authority of its certificate, PEM.")
@click.option("--cert", default="", help="Your certificate, PEM.")
@click.option("--key", default="", help="Its private key, PEM.")
def save(  # noqa: PLR0917  # click passes them by name
    file: Path, data_dir: Path | None, member: str | None, endpoint: str, cacert: str, cert: str, key: str
) -> None:
    """Write a backup to FILE, of a store that runs, or of a directory.

    The directory of one member of several processes has what that member has: where a majority of them is lost for good, save the
    ones that are left, see by status which has most, and restore that.
    """
    if file.exists() and not file.is_file():
        raise CommandError(f"{file} is there and no file: name another one")
    if data_dir is not None:
        if _given("endpoint"):
            raise click.UsageError(
                "--endpoint is a store that runs, --data-dir one that does not: give one of them"
            )
        wanted = _member_of(data_dir, member)
        source = (lambda: _of_directory(data_dir)) if wanted is None else lambda: _of_member(data_dir, wanted)
        run(_save(file, source))
    elif member is not None:
        raise click.UsageError("--member is for --data-dir: a store that runs is asked as a whole")
    else:
        run(_save(file, lambda: _of_endpoint(endpoint, cacert, cert, key)))
    click.echo(f"Snapshot saved at {file}")


def _given(name: str) -> bool:
    """Whether the user has written this flag."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not click.core.ParameterSource.DEFAULT


async def _save(file: Path, source: Any) -> None:
    """Into another file first: what is under the name is whole. Raises CommandError."""
    from kube.store.errors import StoreError  # noqa: PLC0415  # help comes without it

    part = file.with_name(f"{file.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:  # noqa: ASYNC230, PTH123  # nobody else waits for the loop
            async with contextlib.aclosing(source()) as pieces:
                async for piece in pieces:
                    out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except StoreError as error:
        part.unlink(missing_ok=True)
        raise CommandError(f"the store gave no snapshot: {error}") from None
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CommandError(f"cannot write {error.filename or file}: {error.strerror}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise


async def _of_endpoint(endpoint: str, cacert: str, cert: str, key: str) -> AsyncIterator[bytes]:
    from kube.base.clock import SystemClock  # noqa: PLC0415  # as above
    from kube.store.etcd3.config import EtcdURLError, parse_url  # noqa: PLC0415  # as above
    from kube.store.etcdpb.extra import MissingExtraError, require_etcd_extra  # noqa: PLC0415  # as above

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    scheme, _, address = endpoint.rpartition("://")
    if "," in endpoint:
        raise CommandError(
            f"{endpoint} is more than one endpoint, and a backup is of one store: name the one to ask"
        )
    if scheme not in {"", "http", "https"}:
        raise CommandError(f"{endpoint} is no endpoint: write HOST:PORT, or http:// or https:// before it")
    if scheme == "https" and not cacert:
        raise CommandError(
            f"{endpoint} is served with TLS: name the authority of its certificate with --cacert"
        )
    if scheme == "http" and cacert:
        raise CommandError(f"{endpoint} is served without TLS, and --cacert is for https://")
    try:
        require_etcd_extra()
        config = parse_url(f"etcd://{address}", ca_file=cacert, cert_file=cert, key_file=key)
    except (EtcdURLError, MissingExtraError) as error:
        raise CommandError(str(error)) from None
    from kube.store.etcd3.store import Etcd3Store  # noqa: PLC0415  # grpc

    try:
        store = Etcd3Store(config, SystemClock())
    except EtcdURLError as error:  # a certificate that can't be read
        raise CommandError(str(error)) from None
    try:
        async for piece in store.snapshot():
            yield piece
    finally:
        await store.aclose()


def _member_of(path: Path, given: str | None) -> int | None:
    """Whose data is wanted; None for all that a whole store has. Raises CommandError."""
    from kube.store.wal.directory import stored_at  # noqa: PLC0415  # as above
    from kube.store.wal.disk import DataDirectoryError  # noqa: PLC0415  # as above

    try:
        stored = stored_at(path)
    except DataDirectoryError as error:
        raise CommandError(str(error)) from None
    if stored is None:
        raise CommandError(f"{path} holds no store")
    if given is None:
        return stored.members[0] if stored.standalone else None
    try:
        return int(given, 16)
    except ValueError:
        raise CommandError(
            f"--member {given!r}: an id is wanted, as in the directory's name member-ID"
        ) from None


async def _of_member(path: Path, member: int) -> AsyncIterator[bytes]:
    """Nothing is started: what else the store has acknowledged, nobody here knows."""
    from kube.base.chance import Chance  # noqa: PLC0415  # as above
    from kube.store.backup.file import encode_backup, state_of  # noqa: PLC0415  # as above
    from kube.store.wal.directory import open_one  # noqa: PLC0415  # as above
    from kube.store.wal.disk import DataDirectoryError  # noqa: PLC0415  # as above

    try:
        directory = open_one(path, member, Chance.system())
    except DataDirectoryError as error:
        raise CommandError(str(error)) from None
    try:
        for piece in encode_backup(state_of(directory.storages[member])):
            yield piece
    finally:
        directory.close()
    click.echo(
        f"It has what member {member:x} has: writes that only other members have are not in it", err=True
    )


async def _of_directory(path: Path) -> AsyncIterator[bytes]:
    """The store is started, which brings back all that was acknowledged, and stopped again."""
    from kube.actors.runtime.system import ActorSystem  # noqa: PLC0415  # as above
    from kube.actors.store_member import start_members  # noqa: PLC0415  # as above
    from kube.base.chance import Chance  # noqa: PLC0415  # as above
    from kube.base.clock import SystemClock  # noqa: PLC0415  # as above
    from kube.base.stall import StallGuard  # noqa: PLC0415  # as above
    from kube.store.config import StoreConfig  # noqa: PLC0415  # as above
    from kube.store.local import LocalStore  # noqa: PLC0415  # as above
    from kube.store.wal.directory import open_store, stored_at  # noqa: PLC0415  # as above
    from kube.store.wal.disk import DataDirectoryError  # noqa: PLC0415  # as above

    chance = Chance.system()
    try:
        stored = stored_at(path)
        if stored is None:
            raise CommandError(f"{path} holds no store")
        directory = open_store(path, len(stored.members), chance)
    except DataDirectoryError as error:
        raise CommandError(str(error)) from None
    guard = StallGuard(SystemClock())
    guard.start()
    store = LocalStore(StoreConfig(replicas=len(stored.members)), guard, chance, directory=directory)
    try:
        async with ActorSystem(clock=guard, chance=chance) as system:
            await start_members(system, store)
            async for piece in store.snapshot():
                yield piece
            await store.aclose()
    finally:
        directory.close()
        guard.stop()


# ---- status


@snapshot.command()
@click.argument("file", type=_BACKUP)
@click.option(
    "--output", "-o", "--write-out", "-w", type=click.Choice(["simple", "table", "json"]), default="table"
)
def status(file: Path, output: str) -> None:
    """Hash, revision, number of keys and size of a backup, this store's or etcd's, as etcdutl shows them.

    Each version of a key that is kept counts as one, and so does all else that is in the file.
    """
    from kube.store.backup.file import BackupError, backup_status  # noqa: PLC0415  # as above

    try:
        found = backup_status(file)
    except BackupError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from None
    if not found.has_digest:
        click.echo("It has no SHA-256: restore it with --skip-hash-check", err=True)
    if output == "json":
        facts = {
            "hash": found.hash,
            "revision": found.revision,
            "totalKey": found.keys,
            "totalSize": found.size,
        }
        click.echo(json.dumps(facts))
        return
    row = (f"{found.hash:x}", str(found.revision), str(found.keys), human_size(found.size))
    click.echo(", ".join(row) if output == "simple" else table(_HEADINGS, row))


_HEADINGS: Final = ("HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE")


def human_size(size: int) -> str:
    """As etcdutl writes it: in powers of a thousand, with two digits."""
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"


def table(headings: tuple[str, ...], row: tuple[str, ...]) -> str:
    """One row as etcdutl draws it, everything in the middle."""
    widths = [max(len(each) for each in pair) for pair in zip(headings, row, strict=True)]
    line = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def drawn(cells: tuple[str, ...]) -> str:
        return "|" + "|".join(f" {cell:^{width}} " for cell, width in zip(cells, widths, strict=True)) + "|"

    return "\n".join((line, drawn(headings), line, drawn(row), line))


# ---- restore


@snapshot.command()
@click.argument("file", type=_BACKUP)
@click.option(
    "--data-dir",
    required=True,
    type=DATA_DIRECTORY,
    help="The directory to make.",
)
@click.option(
    "--replicas",
    type=click.Choice(["1", "3", "5"]),
    help="Members of the new store, all in this directory, for kube up and kube store serve; by default 1.",
)
@click.option("--name", default="default", show_default=True, help="This member's name in --initial-cluster.")
@click.option(
    "--initial-cluster",
    default="",
    help="NAME=URL,… of all members of a store of several processes; this directory becomes the one of --name.",
)
@click.option("--initial-cluster-token", default="etcd-cluster", show_default=True)
@click.option(
    "--initial-advertise-peer-urls",
    default="",
    help="This member's URLs; those of --initial-cluster, which is asked if this is given.",
)
@click.option(
    "--skip-hash-check",
    is_flag=True,
    help="Take a FILE without a SHA-256 at its end, as a copy of etcd's member/snap/db.",
)
@click.option(
    "--without-users",
    is_flag=True,
    help="Take the backup of an etcd with users and roles: this store has none, and whoever reaches it may do everything.",
)
def restore(  # noqa: PLR0917  # as above
    file: Path,
    data_dir: Path,
    replicas: str | None,
    name: str,
    initial_cluster: str,
    initial_cluster_token: str,
    initial_advertise_peer_urls: str,
    skip_hash_check: bool,
    without_users: bool,
) -> None:
    """Make a new store of the backup in FILE, this store's or etcd's. Its members have new ids, so that no member of the old one meets
    them.

    For members in processes of their own, restore the same FILE once for each --name, with the same --initial-cluster.
    """
    from kube.base import logging  # noqa: PLC0415  # as above
    from kube.store.backup.file import BackupError  # noqa: PLC0415  # as above
    from kube.store.urls import AddressError  # noqa: PLC0415  # as above
    from kube.store.wal.disk import DataDirectoryError  # noqa: PLC0415  # as above

    if _given("name") and not initial_cluster:
        raise click.UsageError("--name is of a member in --initial-cluster: give that too, or neither")
    if replicas and initial_cluster:
        raise click.UsageError(
            "--replicas makes a store of one process, --initial-cluster of several: give one of them"
        )
    logging.configure(level="WARNING")
    backup = _Reading(file, skip_hash_check=skip_hash_check, without_users=without_users)
    try:
        if initial_cluster:
            urls = initial_advertise_peer_urls
            _restore_member(backup, data_dir, name, initial_cluster, initial_cluster_token, urls)
        else:
            _restore_store(backup, data_dir, int(replicas or 1))
    except (BackupError, AddressError, DataDirectoryError) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"cannot restore {error.filename or file}: {error.strerror}") from None
    click.echo(f"Restored {file} to {data_dir}")


class _Reading:
    """How FILE is to be read, once everything else is known to be right."""

    def __init__(self, file: Path, *, skip_hash_check: bool, without_users: bool) -> None:
        self._file = file
        self._skip_hash_check = skip_hash_check
        self._without_users = without_users

    def read(self) -> "Backup":
        """Raises CommandError, BackupError, OSError."""
        from kube.store.backup.file import read_backup  # noqa: PLC0415  # as above

        backup = read_backup(self._file, skip_hash_check=self._skip_hash_check)
        users = backup.contents.users
        if users.users or users.roles or users.enabled:
            who = f"{users.users} users and {users.roles} roles"
            if users.enabled and not self._without_users:
                raise CommandError(
                    f"{self._file} is of an etcd that asks who one is, with {who}: this store has neither, and whoever reaches it "
                    "could read and write everything; --without-users restores it all the same"
                )
            click.echo(f"Left out: {who}, which this store does not have", err=True)
        return backup


def _restore_store(file: _Reading, data_dir: Path, replicas: int) -> None:
    from kube.base.chance import Chance  # noqa: PLC0415  # as above
    from kube.store.backup.restore import restored  # noqa: PLC0415  # as above
    from kube.store.raft.messages import ConfState  # noqa: PLC0415  # as above
    from kube.store.wal.directory import restore_store  # noqa: PLC0415  # as above

    state = file.read().contents.state
    voters = tuple(range(1, replicas + 1))
    restore_store(data_dir, voters, restored(state, ConfState(voters)), Chance.system())


def _restore_member(  # noqa: PLR0917  # as the command's
    file: _Reading, data_dir: Path, name: str, initial_cluster: str, token: str, advertised: str
) -> None:
    from kube.base.chance import Chance  # noqa: PLC0415  # as above
    from kube.store.backup.restore import restored, restored_cluster_id  # noqa: PLC0415  # as above
    from kube.store.membership import cluster_id, initial_members, member_id  # noqa: PLC0415  # as above
    from kube.store.peer.bootstrap import InitialCluster  # noqa: PLC0415  # as above
    from kube.store.raft.messages import ConfState  # noqa: PLC0415  # as above
    from kube.store.urls import parse_initial_cluster, parse_urls  # noqa: PLC0415  # as above
    from kube.store.wal.directory import restore_store  # noqa: PLC0415  # as above

    urls = parse_initial_cluster(initial_cluster)
    own = parse_urls(advertised) if advertised else urls.get(name, ())
    InitialCluster(name=name, members=urls, token=token, advertised=own).check()
    members: tuple[MemberInfo, ...] = initial_members(urls, token)
    voters = tuple(member.id for member in members)
    backup = file.read()
    initial = restored(backup.contents.state, ConfState(voters), members=members)
    cluster = restored_cluster_id(backup.digest, cluster_id(voters))
    restore_store(data_dir, (member_id(urls[name], token),), initial, Chance.system(), cluster_id=cluster)
