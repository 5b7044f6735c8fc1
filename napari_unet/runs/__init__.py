"""Run folders, prediction jobs, and the worker that does them. Qt-free."""
