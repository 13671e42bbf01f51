"""The same commands to a real etcd and to this server, by etcdctl: the answers are equal, text for text.

What is an accident of one server is masked: ids, addresses, times, and sizes.
"""

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

from tests.store.etcd_server.conftest import Answer, Etcdctl, Serving, etcdctl_binary
from tests.store.servers import DEBIAN, DISTRO, etcd


class Step(NamedTuple):
    """``command``: words, separated by ``|``. ``LEASE`` in it is the lease that was granted last."""

    command: str
    stdin: str = ""


PUTS = [
    Step(f"put|{key}|{value}") for key, value in (("a", "1"), ("b", "3"), ("ab", "2"), ("b", "4"), ("c", "0"))
]
GETS = [
    Step(f"get|{words}")
    for words in (
        "a",
        "nothing",
        "a|--prefix",
        "a|--from-key",
        "a|c",
        "|--prefix",
        "|--from-key|--limit=2",
        "a|--prefix|--keys-only",
        "a|--prefix|--count-only",
        "a|--prefix|--count-only|-w|fields",
        "a|--print-value-only",
        "b|--rev=4",
        "b|--rev=3",
        "b|--rev=99",
        "|--prefix|--order=DESCEND",
        "|--prefix|--order=ASCEND|--sort-by=VALUE",
        "|--prefix|--order=DESCEND|--sort-by=CREATE",
        "|--prefix|--order=DESCEND|--sort-by=MODIFY",
        "|--prefix|--order=DESCEND|--sort-by=VERSION",
        "|--prefix|--sort-by=VALUE",
        "|--prefix|--sort-by=VALUE|--limit=1",
        "a|--consistency=s",
        "a|-w|json",
        "a|-w|fields",
        "a|-w|simple",
        "a|--hex",
        "|--prefix|-w|json",
        "b|a",
    )
]
TXNS = [
    Step("txn", 'value("a") = "1"\n\nput a 5\nget a\n\nput never x\n\n'),
    Step("txn", 'mod("a") > "99"\n\nput never x\n\nget a\nget |--prefix\n\n'),
    Step("txn", 'ver("none") = "0"\ncreate("none") = "0"\n\ndel a\nput d 1\n\n\n'),
    Step("txn|-w|json", 'value("d") = "1"\n\nget d\nput e 2\ndel c\n\n\n'),
    Step("txn", "\nput x 1\nput x 2\n\n\n"),
    Step("txn", "\nput x 1\ndel x\n\n\n"),
]
DELETIONS = [
    Step("del|nothing"),
    Step("del|b|--prev-kv"),
    Step("put|p1|x"),
    Step("put|p2|y"),
    Step("put|p2|z|--prev-kv"),
    Step("put|p2|--ignore-value", "stdin"),
    Step("put|p3|--ignore-value"),
    Step("put|p3|q|--ignore-lease"),
    Step("del|p1|p2"),
    Step("del|p|--prefix|--prev-kv"),
    Step("del|d|--from-key"),
    Step("put||v"),
]
LEASES = [
    Step("lease|grant|600"),
    Step("put|l1|v|--lease=LEASE"),
    Step("lease|timetolive|LEASE|--keys"),
    Step("put|l2|v|--lease=LEASE"),
    Step("lease|keep-alive|LEASE|--once"),
    Step("lease|list"),
    Step("put|l1|w|--ignore-lease"),
    Step("get|l1|-w|fields"),
    Step("lease|revoke|LEASE"),
    Step("get|l|--prefix"),
    Step("lease|timetolive|LEASE"),
    Step("lease|keep-alive|LEASE|--once"),
    Step("lease|revoke|LEASE"),
    Step("lease|grant|9000000001"),
    Step("put|l3|v|--lease=1234"),
]
COMPACTIONS = [
    Step("compaction|5"),
    Step("compaction|5"),
    Step("compaction|999"),
    Step("get|b|--rev=3"),
    Step("get|b|--rev=5"),
    Step("compaction|7|--physical"),
    Step("watch|b|--rev=2"),
]
ADMINISTRATION = [
    Step("alarm|list"),
    Step("alarm|disarm"),
    Step("defrag"),
    Step("endpoint|health"),
    Step("endpoint|hashkv"),
    Step("move-leader|1234"),
    Step("member|remove|1234"),
    Step("member|promote|1234"),
    Step("auth|enable"),
    Step("auth|disable"),
    Step("user|list"),
    Step("user|get|nobody"),
    Step("role|list"),
    Step("role|get|nothing"),
    Step("role|delete|nothing"),
    Step("user|delete|nobody"),
    Step("user|grant-role|nobody|nothing"),
]

MASKS = [
    (re.compile(r"127\.0\.0\.1:\d+"), "ENDPOINT"),
    (re.compile(r'"(cluster_id|member_id|raft_term)":\d+'), r'"\1":N'),
    (re.compile(r'"(ClusterID|MemberID|RaftTerm|Lease)" : [1-9]\d*'), r'"\1" : N'),
    (re.compile(r"\b[0-9a-f]{15,16}\b"), "ID"),
    (re.compile(r"took = \S+"), "took = T"),
    (re.compile(r"(ENDPOINT), \d+"), r"\1, HASH"),
    (re.compile(r"remaining\(\d+s\)"), "remaining(N)"),
    (re.compile(r'^\{"level".*\n', re.MULTILINE), ""),
]


def masked(text: str) -> str:
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    return text


class Session:
    """A script at one server. Ids that one command prints are for the next to use."""

    def __init__(self, etcdctl: Etcdctl) -> None:
        self._etcdctl = etcdctl
        self._lease = ""

    async def run(self, step: Step) -> Answer:
        words = [self._lease if word == "LEASE" else word for word in step.command.split("|")]
        words = [word.replace("=LEASE", f"={self._lease}") for word in words]
        answer = await self._etcdctl(*words, stdin=step.stdin)
        if found := re.search(r"lease ([0-9a-f]+) granted", answer.out):
            self._lease = found[1]
        return Answer(answer.code, masked(answer.out), masked(answer.err))


SERVERS = {"3.4": DEBIAN, "3.5": DISTRO}


async def test_etcdctl_hears_the_same(etcdctl_version: str, serving: Serving, tmp_path: Path) -> None:
    binary = etcdctl_binary(etcdctl_version)
    server = etcd(SERVERS[etcdctl_version], tmp_path)
    await asyncio.to_thread(server.start)
    try:
        theirs = Session(Etcdctl(binary, server.endpoint))
        ours = Session(Etcdctl(binary, serving.endpoint))
        steps = [*PUTS, *GETS, *TXNS, *DELETIONS, *LEASES, *COMPACTIONS, *ADMINISTRATION]
        different = []
        for step in steps:
            wanted, found = await asyncio.gather(theirs.run(step), ours.run(step))
            if wanted != found:
                different.append(f"{step.command}\n  etcd: {wanted}\n  ours: {found}")
        assert not different, "\n".join(different)
    finally:
        server.kill()
