"""Container runtimes: the protocols that a kubelet drives (``interface``), and what implements them.

``simulated`` plays pods by their annotations (``behaviour`` reads those). No module here knows the API server, nodes or
restart policies: a runtime runs what it is told to and says how that went.
"""
