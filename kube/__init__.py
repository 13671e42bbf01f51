"""A whole Kubernetes in one asyncio process: ``from kube import Cluster, Client``."""
