"""The scheduler's pure core: framework, cache, queue, plugins, and one scheduling cycle.

What listens, waits and writes is ``kube.actors.scheduler``.
"""
