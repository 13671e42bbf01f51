"""ObjectMeta and the other meta.k8s.io types (`v1`, generated), and the helpers that read them (`accessor`)."""
