"""What the scheduler knows of nodes and of the pods on them, as numpy columns. The API's objects live in the informers."""
