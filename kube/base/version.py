"""The version of this package, and of the Kubernetes whose behaviour it has."""

VERSION = "0.1.0"

KUBERNETES_MAJOR = "1"
KUBERNETES_MINOR = "37"
KUBERNETES_GIT_VERSION = "v1.37.0"
