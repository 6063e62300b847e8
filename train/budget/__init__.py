"""Trainings that end when a budget of minutes ends: phases, planned by their own step times."""
