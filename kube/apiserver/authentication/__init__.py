"""Who asks: from what a request shows (a certificate, a token) to a user, as `authentication.k8s.io` describes one.

Whether that user may do what it asks for is decided in `kube.apiserver.authorization`.
"""
