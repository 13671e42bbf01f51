"""Kubernetes' storage layer over ``kube.store.kv``: objects as JSON under keys, and the watch caches before it.

What objects of a resource mean (strategies, admission) does not live here.
"""
