"""Kubeconfig files: where the API server is, and who one is there.

Semantics: client-go's ``tools/clientcmd``: the files of ``$KUBECONFIG`` are merged, the first to name something wins;
else ``~/.kube/config``; relative paths are relative to their file. What a file has beyond what is read here is kept when
the file is written.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct, field

from kube.apimachinery.names import dns1123_label

S = TypeVar("S", bound=msgspec.Struct)

Entries = Mapping[str, Mapping[str, Any]]
Tree = dict[str, Any]


class KubeconfigError(Exception):
    """A kubeconfig that cannot be read, written or used. ``path`` is the file at fault, where it is one."""

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class ConfigNotFoundError(KubeconfigError):
    """No kubeconfig exists where one was looked for."""


class ContextNotFoundError(KubeconfigError):
    """The context that was asked for, or the current one, is not in the file."""


class _Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: bytes = b""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class ExecEnv(msgspec.Struct, frozen=True):
    name: str
    value: str = ""


class ExecConfig(msgspec.Struct, frozen=True, rename="camel"):
    """A program that prints credentials (``client.authentication.k8s.io``)."""

    command: str
    api_version: str
    args: tuple[str, ...] | None = ()
    env: tuple[ExecEnv, ...] | None = ()
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


class _User(msgspec.Struct, frozen=True, rename="kebab"):
    client_certificate: str = ""
    client_certificate_data: bytes = b""
    client_key: str = ""
    client_key_data: bytes = b""
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    impersonate: str = msgspec.field(name="as", default="")
    as_uid: str = ""
    as_groups: tuple[str, ...] | None = ()
    as_user_extra: Mapping[str, tuple[str, ...]] | None = None
    auth_provider: Any = None
    exec: ExecConfig | None = None


class _Context(msgspec.Struct, frozen=True):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


_CLUSTER_PATHS: Final = ("certificate-authority",)
_USER_PATHS: Final = ("client-certificate", "client-key", "tokenFile")


class Connection(Struct, frozen=True):
    """How to reach one API server as one user. Certificates and keys are PEM; ``repr`` shows no secrets."""

    server: str
    namespace: str = "default"
    ca: bytes = b""
    """Empty: what the system trusts."""
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    client_certificate: bytes = b""
    client_key: bytes = b""
    token: str = ""
    token_file: str = ""
    """Read again from time to time; goes before ``token``."""
    username: str = ""
    password: str = ""
    impersonate_user: str = ""
    impersonate_uid: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exec: ExecConfig | None = None

    def __repr__(self) -> str:
        return f"Connection(server={self.server!r}, namespace={self.namespace!r})"


class Kubeconfig(Struct, frozen=True):
    """Clusters, users and contexts by name, each as its file has it; paths are absolute once loaded."""

    clusters: Entries = field(default_factory=dict)
    users: Entries = field(default_factory=dict)
    contexts: Entries = field(default_factory=dict)
    current_context: str = ""

    def __repr__(self) -> str:
        return f"Kubeconfig(contexts={list(self.contexts)}, current_context={self.current_context!r})"

    def merged_with(self, other: "Kubeconfig") -> "Kubeconfig":
        """What this has goes first; an entry of one name is taken whole from one side."""
        return Kubeconfig(
            {**other.clusters, **self.clusters},
            {**other.users, **self.users},
            {**other.contexts, **self.contexts},
            self.current_context or other.current_context,
        )

    def connection(self, context: str | None = None) -> Connection:
        """Resolve a context, by default the current one, and read the files that it names. Raises KubeconfigError."""
        if not (self.clusters or self.users or self.contexts or self.current_context):
            raise ConfigNotFoundError("invalid configuration: no configuration has been provided")
        name = context or self.current_context
        if not name:
            raise ContextNotFoundError("no context chosen: the kubeconfig has no current-context")
        if name not in self.contexts:
            raise ContextNotFoundError(f"context was not found for specified context: {name}")
        chosen = _typed(_Context, self.contexts[name], f"context {name!r}")
        problems = list(self._context_problems(name, chosen))
        cluster = _typed(_Cluster, self.clusters.get(chosen.cluster, {}), f"cluster {chosen.cluster!r}")
        user = _typed(_User, self.users.get(chosen.user, {}), f"user {chosen.user!r}")
        problems += _cluster_problems(chosen.cluster, cluster)
        problems += _user_problems(chosen.user, user)
        if problems:
            raise KubeconfigError(f"invalid configuration: {'; '.join(problems)}")
        return _connect(chosen, cluster, user)

    def _context_problems(self, name: str, context: _Context) -> Iterator[str]:
        if not context.user:
            yield f'user was not specified for context "{name}"'
        elif context.user not in self.users:
            yield f'user "{context.user}" was not found for context "{name}"'
        if not context.cluster:
            yield f'cluster was not specified for context "{name}"'
        elif context.cluster not in self.clusters:
            yield f'cluster "{context.cluster}" was not found for context "{name}"'
        if context.namespace and dns1123_label(context.namespace):
            yield (
                f'namespace "{context.namespace}" for context "{name}" does not conform to the kubernetes DNS_LABEL rules'
            )

    def to_tree(self) -> Tree:
        """The document as it is written."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": _named(self.clusters, "cluster"),
            "users": _named(self.users, "user"),
            "contexts": _named(self.contexts, "context"),
            "current-context": self.current_context,
        }


def for_cluster(
    name: str,
    server: str,
    *,
    ca: bytes,
    client_certificate: bytes = b"",
    client_key: bytes = b"",
    token: str = "",
    user: str = "",
    namespace: str = "",
) -> Kubeconfig:
    """The kubeconfig of one cluster and one user (``NAME-admin`` unless named), whose context ``NAME`` is current."""
    user = user or f"{name}-admin"
    credentials: Tree = {}
    if client_certificate:
        credentials["client-certificate-data"] = _base64(client_certificate)
        credentials["client-key-data"] = _base64(client_key)
    if token:
        credentials["token"] = token
    context = {"cluster": name, "user": user} | ({"namespace": namespace} if namespace else {})
    cluster = {"server": server, "certificate-authority-data": _base64(ca)}
    return Kubeconfig({name: cluster}, {user: credentials}, {name: context}, name)


def default_paths(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Where a kubeconfig is looked for: the files of ``$KUBECONFIG``, else ``~/.kube/config``."""
    environ = os.environ if environ is None else environ
    listed = environ.get("KUBECONFIG", "")
    if listed:
        return tuple(dict.fromkeys(Path(part) for part in listed.split(os.pathsep) if part))
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return ((Path(home) if home else Path.home()) / ".kube" / "config",)


def load(
    path: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Kubeconfig:
    """Load a file, which must exist, or what :func:`default_paths` names, of which one must. Raises KubeconfigError."""
    if path is not None:
        return _load_file(Path(path))
    paths = default_paths(environ)
    config: Kubeconfig | None = None
    for candidate in paths:
        with contextlib.suppress(ConfigNotFoundError):
            found = _load_file(candidate)
            config = found if config is None else config.merged_with(found)
    if config is None:
        raise ConfigNotFoundError(f"Config not found: {', '.join(map(str, paths))}", paths[0])
    return config


def write(path: str | os.PathLike[str], config: Kubeconfig) -> None:
    """Write a file of its own, readable by its owner alone; whole or not at all. Raises KubeconfigError."""
    _write_tree(Path(path), config.to_tree())


def merge_into(path: str | os.PathLike[str], config: Kubeconfig, *, make_current: bool = True) -> None:
    """Add to a file, or replace what is in it under the same names; all else stays as it is.

    The file is made if it does not exist. Raises KubeconfigError.
    """
    path = Path(path)
    with _locked(path):
        try:
            tree = _read_tree(path)
        except ConfigNotFoundError:
            tree = Kubeconfig().to_tree()
        for section, kind, entries in (
            ("clusters", "cluster", config.clusters),
            ("users", "user", config.users),
            ("contexts", "context", config.contexts),
        ):
            kept = [entry for entry in tree.get(section) or [] if entry.get("name") not in entries]
            tree[section] = kept + _named(entries, kind)
        if make_current or not tree.get("current-context"):
            tree["current-context"] = config.current_context
        _write_tree(path, tree)


# Reading


def _load_file(path: Path) -> Kubeconfig:
    tree = _read_tree(path)
    folder = path.parent.resolve()
    current = tree.get("current-context") or ""
    if not isinstance(current, str):
        raise _malformed(path, "current-context is no string")
    return Kubeconfig(
        _entries(tree, "clusters", "cluster", path, lambda entry: _absolute(entry, folder, _CLUSTER_PATHS)),
        _entries(tree, "users", "user", path, lambda entry: _absolute_user(entry, folder)),
        _entries(tree, "contexts", "context", path, lambda entry: entry),
        current,
    )


def _read_tree(path: Path) -> Tree:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ConfigNotFoundError(f"Config not found: {path}", path) from None
    except OSError as error:
        raise KubeconfigError(f"error loading config file {path}: {error.strerror}", path) from error
    import yaml  # noqa: PLC0415  # 10 ms that a program without kubeconfigs must not pay

    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(path, " ".join(str(error).split())) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise _malformed(path, "it holds no mapping")
    if tree.get("kind", "Config") != "Config":
        raise _malformed(path, f"its kind is {tree['kind']!r}, not 'Config'")
    return tree


def _entries(
    tree: Tree, section: str, kind: str, path: Path, resolve: Callable[[Tree], Tree]
) -> dict[str, Tree]:
    listed = tree.get(section) or []
    found: dict[str, Tree] = {}
    for entry in listed if isinstance(listed, list) else [None]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise _malformed(path, f"{section} is no list of named entries")
        content = entry.get(kind) or {}
        if not isinstance(content, dict):
            raise _malformed(path, f"{kind} {entry['name']!r} is no mapping")
        found.setdefault(entry["name"], resolve(content))
    return found


def _absolute(entry: Tree, folder: Path, names: tuple[str, ...]) -> Tree:
    paths = {
        name: str(folder / entry[name]) for name in names if isinstance(entry.get(name), str) and entry[name]
    }
    return {**entry, **paths}


def _absolute_user(entry: Tree, folder: Path) -> Tree:
    entry = _absolute(entry, folder, _USER_PATHS)
    plugin = entry.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command") or ""):
        entry["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return entry


def _malformed(path: Path, why: str) -> KubeconfigError:
    return KubeconfigError(f"error loading config file {path}: {why}", path)


# Resolving


def _typed(kind: type[S], entry: Mapping[str, Any], what: str) -> S:
    present = {name: value for name, value in entry.items() if value is not None}
    try:
        return msgspec.convert(present, kind)
    except msgspec.ValidationError as error:
        raise KubeconfigError(f"invalid configuration: {what}: {error}") from None


def _cluster_problems(name: str, cluster: _Cluster) -> Iterator[str]:
    if not cluster.server:
        yield f'no server found for cluster "{name}"'
    if cluster.insecure_skip_tls_verify and (
        cluster.certificate_authority or cluster.certificate_authority_data
    ):
        yield f'cluster "{name}": specifying a root certificates file with the insecure flag is not allowed'


def _user_problems(name: str, user: _User) -> Iterator[str]:
    if user.auth_provider is not None:
        yield f'user "{name}": auth-provider is not supported, use exec'
    if (user.client_certificate or user.client_certificate_data) and not (
        user.client_key or user.client_key_data
    ):
        yield (
            f"client-key-data or client-key must be specified for {name} to use the clientCert authentication method."
        )
    methods = [
        method
        for method, used in (("token", user.token), ("basicAuth", user.username or user.password))
        if used
    ]
    if len(methods) > 1:
        yield (
            f"more than one authentication method found for {name}; found [{' '.join(methods)}], only one is allowed"
        )
    if (user.as_uid or user.as_groups or user.as_user_extra) and not user.impersonate:
        yield f"requesting uid, groups or user-extra for {name} without impersonating a user"


def _connect(context: _Context, cluster: _Cluster, user: _User) -> Connection:
    return Connection(
        server=cluster.server.rstrip("/"),
        namespace=context.namespace or "default",
        ca=cluster.certificate_authority_data
        or _read(cluster.certificate_authority, "certificate-authority", context.cluster),
        insecure=cluster.insecure_skip_tls_verify,
        tls_server_name=cluster.tls_server_name,
        proxy_url=cluster.proxy_url,
        client_certificate=user.client_certificate_data
        or _read(user.client_certificate, "client-cert", context.user),
        client_key=user.client_key_data or _read(user.client_key, "client-key", context.user),
        token=user.token,
        token_file=user.token_file,
        username=user.username,
        password=user.password,
        impersonate_user=user.impersonate,
        impersonate_uid=user.as_uid,
        impersonate_groups=user.as_groups or (),
        impersonate_extra=user.as_user_extra or {},
        exec=user.exec,
    )


def _read(path: str, what: str, owner: str) -> bytes:
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise KubeconfigError(
            f"invalid configuration: unable to read {what} {path} for {owner} due to {error.strerror}",
            Path(path),
        ) from error


# Writing


def _named(entries: Entries, kind: str) -> list[Tree]:
    return [{"name": name, kind: dict(entry)} for name, entry in entries.items()]


def _base64(data: bytes) -> str:
    text: str = msgspec.to_builtins(data)
    return text


def _write_tree(path: Path, tree: Tree) -> None:
    import yaml  # noqa: PLC0415  # as above

    target = path.resolve() if path.is_symlink() else path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            prefix=f".{target.name}.", dir=target.parent
        )  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                yaml.safe_dump(tree, file, sort_keys=False, allow_unicode=True)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KubeconfigError(f"cannot write {path}: {error.strerror}", path) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Kubectl's own lock: a file beside, made exclusively."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise KubeconfigError(
            f"{path} is locked by another process; if it is not, remove {lock}", path
        ) from None
    except OSError as error:
        raise KubeconfigError(f"cannot write {path}: {error.strerror}", path) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
