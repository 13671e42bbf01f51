"""What tests use: the pytest plugin. Nothing here is imported by the cluster itself."""
