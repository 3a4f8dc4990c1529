"""Where velocities come from: the starters of this project and, through adapters, public checkpoints."""
