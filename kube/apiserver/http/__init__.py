"""The HTTP front, apart from the library that speaks HTTP: messages, the chain of filters, streams.

Only `kube.apiserver.server` imports an HTTP library. What the requests mean is in `kube.apiserver.endpoints`.
"""
