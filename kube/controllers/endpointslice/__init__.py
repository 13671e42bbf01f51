"""EndpointSlices of services with a selector.

``membership`` finds the services of a pod and the pods of a service (the endpoints controller uses it too), ``endpoint``
makes an endpoint of a pod, ``reconciler`` packs endpoints into slices, ``controller`` carries that out. What consumes
slices is ``kube.proxy`` and ``kube.dns``.
"""
