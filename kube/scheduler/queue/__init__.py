"""The pods that wait for a node: active, backing off, unschedulable. Pure: time comes in as ``now``."""
