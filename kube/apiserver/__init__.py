"""The API server: HTTP front, filters, admission, the registry of resources, and Kubernetes' storage layer.

What objects are is in ``kube.api``; what stores them is in ``kube.store``.
"""
