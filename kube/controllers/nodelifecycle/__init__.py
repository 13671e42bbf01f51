"""Notices nodes that are no longer heard of, and taints them.

``health`` judges heartbeats, ``zones`` says how fast a zone's nodes may be given up, ``taints`` what taints a node has to
have, ``pods`` finds and marks a node's pods, ``controller`` runs them. Who deletes pods of tainted nodes is
``kube.controllers.tainteviction``.
"""
