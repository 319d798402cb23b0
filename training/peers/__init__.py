"""Others' networks, run as their own projects run them: what Vigil's are measured against."""
