"""The controllers, one module or package each, by their upstream names. Pure: each awaits only what it is handed.

What runs them (informers, work queues, retries) is in ``kube.actors``.
"""
