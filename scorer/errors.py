"""Every error a user can cause or meet, each one clear sentence with the fix.

ScorerError                 printed as one sentence on stderr, exit code 2
├── InputError              a file of responses or labels is missing, broken or contradicts itself
├── RubricError             a rubric is unknown or its TOML does not hold together
├── JudgeError              a judge is unknown, lacks a head for the rubric, or its files do not match their hashes
├── ServerError             a model folder cannot be served, or a server does not start, does not answer or died
├── CalibrationError        a calibration belongs to another judge, rubric or run, or cannot be fitted
├── RunError                a run folder belongs to other inputs or options, or is not a run
└── StorageError            a folder cannot be written, or the disk is full
"""

from __future__ import annotations


class ScorerError(Exception):
    """Base of all errors that a user can mend; `str()` is the sentence to print."""


class InputError(ScorerError):
    """Bad input file. The sentence names the file and says got, expected and what to do."""

    def __init__(self, path: object, got: str, expected: str, fix: str = "") -> None:
        self.path = str(path)
        sentence = f"{path}: got {got}; expected {expected}"
        super().__init__(f"{sentence}; {fix}." if fix else f"{sentence}.")


class RubricError(ScorerError):
    """Unknown or inconsistent rubric."""


class JudgeError(ScorerError):
    """Unknown judge, missing head, or model files whose hash does not match their manifest."""


class ServerError(ScorerError):
    """A model folder that cannot be served, or a server that does not start, does not answer or died."""


class CalibrationError(ScorerError):
    """A calibration that does not belong here, is broken, or cannot be fitted."""


class RunError(ScorerError):
    """The run folder holds another run, or none."""


class StorageError(ScorerError):
    """A folder cannot be written or the disk is full."""
