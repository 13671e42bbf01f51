"""Whether a user may do what a request asks for: the authorizers, and RBAC among them.

All of it is pure: a decision reads what caches hold and awaits nothing. Who the user is was found out in
`kube.apiserver.authentication`; what the object may look like is for `kube.apiserver.admission`.
"""
