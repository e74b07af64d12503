"""The operating system and the Dockerfile: packages, files, commands, base images, build context."""
