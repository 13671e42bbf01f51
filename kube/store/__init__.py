"""The etcd emulation: Raft, MVCC, leases and watches behind the protocols of ``kv.py``.

What lives here speaks etcd's terms (keys, revisions, leases). Kubernetes' layer over it
(resource versions, objects, watch caches) is ``kube.apiserver.storage``.
"""
