"""The replica set and replication controller's controllers: one engine for both kinds.

``kinds`` says what differs, ``status`` what the status is, ``controller`` carries it out. How a deployment moves replicas
between sets is not here.
"""
