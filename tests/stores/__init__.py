"""Real S3 servers for the tests, each with its own directory and login, and faults in front of them."""
