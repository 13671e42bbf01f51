"""The replica set and replication controller's controllers: one engine for both kinds.

``ranking`` says which pods go first, ``status`` what the status is, ``controller`` carries it out. How a deployment moves
replicas between sets is not here.
"""
