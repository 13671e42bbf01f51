"""The kubelet's knowledge: what a pod on this node needs next, and what its status is.

Decisions are pure (``pod_actions``, ``status``, ``prober``, ``backoff``, ``lifecycle``, ``node_status``);
``kuberuntime`` carries them out against a container runtime and ``status_manager`` writes what came of it. What runs and
waits is in ``kube.actors``; how containers run is in ``kube.cri``.
"""
