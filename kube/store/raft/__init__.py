"""Raft as a pure state machine with etcd-io/raft's interface: step, tick, ready, advance.

No I/O, no clock, no tasks: what carries messages and keeps the log is ``kube.actors.store_member``.
"""
