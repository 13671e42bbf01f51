"""How everything speaks to the API: one interface, two transports, informers, listers, work queue.

Components know the API server only through ``kube.client.interface``. No API type and no server code lives here.
"""
