"""The same temporal-compose.yaml that operators use, brought up on the real engine (`make stack-test`)."""
