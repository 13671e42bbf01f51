"""The multi-version key space as a pure state machine: revisions, key index, history, watches, compaction.

It knows nothing of Raft, leases' time or tasks.
"""
