"""Side by side with peers: what counting costs, as ratios measured in one run."""
