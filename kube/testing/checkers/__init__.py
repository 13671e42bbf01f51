"""What a store's history must be like: a model of etcd's semantics, and checkers against it. Nothing here runs anything."""
