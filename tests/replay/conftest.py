"""Replay uses the stage of the workflow tests."""

from tests.workflow.conftest import stage_of, test_server_path

__all__ = ["stage_of", "test_server_path"]
