"""Load on any central system: thousands of lean stations that send ready-made messages and time the answers."""
