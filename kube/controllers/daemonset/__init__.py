"""The daemon set controller: a pod on each node that should have one.

``placement`` says which nodes those are and binds a pod to one, ``history`` what revisions of the template there are,
``plan`` which pods come and go, ``status`` the counts, ``controller`` carries it out. Pods are bound by the scheduler.
"""
