# ruff: noqa: ARG002  # hooks share signatures, whether or not they read every argument
"""Nodes, which come with a status of their own, as kubelets register them (pkg/registry/core/node/strategy.go)."""

from kube.api.types.core_v1 import Node
from kube.apiserver.registry.strategy import Context, Strategy


class NodeStrategy(Strategy):
    def prepare_for_create(self, ctx: Context, obj: Node) -> Node:
        return obj
