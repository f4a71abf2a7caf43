"""What every side-by-side benchmark needs: the two sides, pairs of runs, the gate, the tables."""
