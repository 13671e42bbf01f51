"""The deployment controller: replica sets per revision, and the replicas that move between them.

``arithmetic`` resolves surge and unavailability, ``revisions`` finds and annotates replica sets, ``rollout`` says what is
scaled next, ``progress`` what the status is, ``controller`` carries it out. Pods are the replica sets' business.
"""
