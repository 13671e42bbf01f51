"""Clusters under virtual time: the loop, the seeded network and disk, hosts that crash, and clients that keep a history.

A seed decides a run, whatever the host's speed and PYTHONHASHSEED. What the history must look like is not judged here: the
checkers are in ``kube.testing.checkers``, and ``kube.testing.simulation`` runs seeds through both.
"""
