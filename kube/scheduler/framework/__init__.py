"""The scheduling framework (KEP-624): extension points, statuses, profiles, diagnosis. No plugin lives here."""
