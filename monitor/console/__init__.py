"""Commands of the monitor: `csms monitor live`, and what the commands of the supervising platform share."""
