"""A store's contents as one file of etcd's own format: what ``snapshot save`` writes, and what a new store begins with.

From the bytes up: ``bolt`` and ``crc32c``, ``etcd_schema``, ``file``, ``restore``. Not here: the commands (``kube.cli.store.snapshot``), the snapshots
that a log on disk begins with (``kube.store.wal``).
"""
