"""Kubeconfig files: found, merged, resolved, written."""

import os
import stat
import sys

import pytest
import yaml

from kube.client import kubeconfig
from kube.client.kubeconfig import (
    ConfigNotFoundError,
    ContextNotFoundError,
    ExecConfig,
    ExecEnv,
    Kubeconfig,
    KubeconfigError,
)

FULL = """
apiVersion: v1
kind: Config
clusters:
- name: c
  cluster:
    server: https://example:6443/
    certificate-authority: ca.pem
    tls-server-name: kubernetes
users:
- name: u
  user:
    client-certificate: certs/u.pem
    client-key-data: a2V5
    as: jane
    as-groups: [dev]
- name: e
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/login
      args: [--now]
      env: [{name: A, value: b}]
contexts:
- name: full
  context: {cluster: c, user: u, namespace: apps}
- name: exec
  context: {cluster: c, user: e}
current-context: full
"""


def entry(server: str = "", **user: object) -> str:
    return yaml.safe_dump(
        {
            "clusters": [{"name": "c", "cluster": {"server": server} if server else {"x": 1}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


@pytest.fixture
def full(tmp_path):
    path = tmp_path / "config"
    path.write_text(FULL)
    (tmp_path / "ca.pem").write_text("authority")
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "u.pem").write_text("certificate")
    return path


def test_the_current_context_is_resolved_and_its_files_are_read_beside_the_kubeconfig(full):
    found = kubeconfig.load(full).connection()
    assert found.server == "https://example:6443"
    assert found.namespace == "apps"
    assert found.ca == b"authority"
    assert found.tls_server_name == "kubernetes"
    assert (found.client_certificate, found.client_key) == (b"certificate", b"key")
    assert (found.impersonate_user, found.impersonate_groups) == ("jane", ("dev",))


def test_another_context_may_be_chosen(full):
    found = kubeconfig.load(full).connection("exec")
    assert found.namespace == "default"
    assert found.exec == ExecConfig(
        command=str(full.parent / "bin/login"),
        api_version="client.authentication.k8s.io/v1",
        args=("--now",),
        env=(ExecEnv("A", "b"),),
    )


def test_the_first_file_to_name_something_wins_and_entries_are_not_mixed(tmp_path):
    first, second, missing = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    first.write_text(
        "users: [{name: red, user: {token: one}}]\ncontexts: [{name: x, context: {cluster: c, user: red}}]"
    )
    second.write_text(
        "users: [{name: red, user: {username: two}}, {name: blue, user: {token: b}}]\n"
        "clusters: [{name: c, cluster: {server: http://c}}]\ncurrent-context: x"
    )
    listed = os.pathsep.join(map(str, (missing, first, second)))
    config = kubeconfig.load(environ={"KUBECONFIG": listed})
    assert config.users == {"red": {"token": "one"}, "blue": {"token": "b"}}
    assert config.current_context == "x"
    assert config.connection().token == "one"


def test_without_the_variable_it_is_in_the_home_directory(tmp_path):
    environ = {"HOME": str(tmp_path)}
    assert kubeconfig.default_paths(environ) == (tmp_path / ".kube" / "config",)
    with pytest.raises(ConfigNotFoundError, match=r"Config not found: .*config"):
        kubeconfig.load(environ=environ)


def test_a_file_that_is_named_must_exist(tmp_path):
    with pytest.raises(ConfigNotFoundError) as missing:
        kubeconfig.load(tmp_path / "none")
    assert missing.value.path == tmp_path / "none"


@pytest.mark.parametrize(
    ("text", "context", "error", "message"),
    [
        ("", None, ConfigNotFoundError, "no configuration has been provided"),
        (
            "clusters: [{name: c, cluster: {server: http://c}}]",
            None,
            ContextNotFoundError,
            "no context chosen",
        ),
        (entry("http://c"), "y", ContextNotFoundError, "context was not found for specified context: y"),
        (
            "contexts: [{name: x, context: {cluster: c, user: u}}]",
            "x",
            KubeconfigError,
            'user "u" was not found for context "x"; cluster "c" was not found for context "x"',
        ),
        (
            "contexts: [{name: x, context: {namespace: A_B}}]",
            "x",
            KubeconfigError,
            "user was not specified .*cluster was not specified .*DNS_LABEL rules",
        ),
        (entry(), None, KubeconfigError, 'no server found for cluster "c"'),
        (
            entry("http://c", token="t", username="n"),
            None,
            KubeconfigError,
            r"more than one authentication method found for u; found \[token basicAuth\]",
        ),
        (
            entry("http://c", **{"client-certificate-data": "eA=="}),
            None,
            KubeconfigError,
            "client-key-data or client-key must be specified for u",
        ),
        (
            entry("http://c", **{"client-certificate": "/none", "client-key": "/none"}),
            None,
            KubeconfigError,
            "unable to read client-cert /none for u due to No such file",
        ),
        (
            entry("http://c", **{"as-groups": ["g"]}),
            None,
            KubeconfigError,
            "requesting uid, groups or user-extra for u without impersonating a user",
        ),
        (entry("http://c", **{"auth-provider": {"name": "gcp"}}), None, KubeconfigError, "use exec"),
        (entry("http://c", token=7), None, KubeconfigError, "user 'u': Expected `str`, got `int`"),
        (
            entry("http://c", **{"client-key-data": "***"}),
            None,
            KubeconfigError,
            "user 'u': Invalid base64 encoded string",
        ),
    ],
    ids=[
        "empty",
        "no current context",
        "unknown context",
        "dangling",
        "incomplete",
        "no server",
        "two methods",
        "no key",
        "no file",
        "groups alone",
        "auth provider",
        "wrong type",
        "not base64",
    ],
)
def test_what_cannot_be_used_is_said(tmp_path, text, context, error, message):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(error, match=message):
        kubeconfig.load(path).connection(context)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "while parsing"),
        ("[]", "it holds no mapping"),
        ("kind: Pod", "its kind is 'Pod', not 'Config'"),
        ("clusters: {a: b}", "clusters is no list of named entries"),
        ("users: [{user: {}}]", "users is no list of named entries"),
        ("users: [{name: a, user: x}]", "user 'a' is no mapping"),
        ("current-context: [a]", "current-context is no string"),
    ],
    ids=["yaml", "list", "kind", "map for list", "no name", "no mapping", "context"],
)
def test_what_is_no_kubeconfig_is_said_in_one_line(tmp_path, text, message):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(KubeconfigError, match=r"error loading config file .*config: ") as malformed:
        kubeconfig.load(path)
    assert message in str(malformed.value)
    assert "\n" not in str(malformed.value)


def made() -> Kubeconfig:
    return kubeconfig.for_cluster(
        "kube",
        "https://127.0.0.1:6443",
        ca=b"authority",
        client_certificate=b"certificate",
        client_key=b"key",
    )


def test_what_is_written_can_be_read_by_its_owner_alone_and_resolves_to_the_same(tmp_path):
    path = tmp_path / "new" / "config"
    kubeconfig.write(path, made())
    found = kubeconfig.load(path).connection()
    assert found == made().connection()
    assert (found.ca, found.client_certificate, found.client_key) == (b"authority", b"certificate", b"key")
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["config"]


def test_merging_adds_and_replaces_and_leaves_all_else(full):
    full.write_text(FULL + "preferences: {colors: true}\nextensions: [{name: mine, extension: {}}]\n")
    kubeconfig.merge_into(full, made())
    kubeconfig.merge_into(full, made())
    tree = yaml.safe_load(full.read_text())
    assert [one["name"] for one in tree["contexts"]] == ["full", "exec", "kube"]
    assert [one["name"] for one in tree["users"]] == ["u", "e", "kube-admin"]
    assert tree["users"][0]["user"]["client-certificate"] == "certs/u.pem"
    assert tree["current-context"] == "kube"
    assert tree["preferences"] == {"colors": True}
    assert tree["extensions"] == [{"name": "mine", "extension": {}}]
    assert kubeconfig.load(full).connection("full").ca == b"authority"


def test_merging_may_leave_the_current_context(full, tmp_path):
    kubeconfig.merge_into(full, made(), make_current=False)
    assert kubeconfig.load(full).current_context == "full"
    kubeconfig.merge_into(tmp_path / "fresh", made(), make_current=False)
    assert kubeconfig.load(tmp_path / "fresh").current_context == "kube"


def test_a_link_stays_a_link(full, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(full)
    kubeconfig.merge_into(link, made())
    assert link.is_symlink()
    assert kubeconfig.load(full).current_context == "kube"


def test_a_file_that_someone_else_is_changing_is_left_alone(full):
    lock = full.with_name("config.lock")
    lock.touch()
    with pytest.raises(KubeconfigError, match="is locked by another process"):
        kubeconfig.merge_into(full, made())
    assert full.read_text() == FULL
    lock.unlink()
    kubeconfig.merge_into(full, made())
    assert not lock.exists()


def test_a_path_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(KubeconfigError, match=r"cannot write .*: (Not a directory|File exists)"):
        kubeconfig.write(blocker / "config", made())
    (tmp_path / "folder").mkdir()
    with pytest.raises(KubeconfigError, match=r"cannot write .*: Is a directory"):
        kubeconfig.write(tmp_path / "folder", made())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]
