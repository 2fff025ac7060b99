"""Tests of the sealed format. The published vectors are only ever added to."""
