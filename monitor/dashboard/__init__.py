"""What supervisors see. Here: the live terminal view, a client of the operations API that imports nothing of csms."""
