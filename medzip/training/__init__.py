"""Training: cohort -> sample store -> run -> model directory."""
