"""Lock files, updated by the tool that owns them, in a throwaway container."""
