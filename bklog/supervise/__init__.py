"""The fleet on one machine: `fleet` starts and stops it, `status` and `health` look at it, `programs` says what it is."""
