"""Work on units that takes longer than a request: asked for, taken up by a worker, followed, cancelled, recovered."""
