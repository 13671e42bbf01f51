"""Durability: the write-ahead log, snapshots on disk, the directory that holds both, and the disk under them.

What is encoded into them is ``kube.store.codec``'s; what raft reads of it is ``kube.store.raft.storage``'s protocol.
"""
