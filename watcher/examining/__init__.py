"""What `watcher doctor` looks at, a module for each thing that it knows of. Only reads; cli/doctor.py prints."""
