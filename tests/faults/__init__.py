"""Faults drawn from a seed, thrown at real servers and workers; then every promise of the mail is checked.

``make faults SEEDS=50`` runs it; test_faults.py runs three fixed seeds. run.py is the parent of all processes.
"""
