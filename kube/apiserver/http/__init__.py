"""The HTTP front: connections, messages, the chain of filters, streams.

Only `full` imports an HTTP library. What the requests mean is in `kube.apiserver.endpoints`.
"""
