"""Tests of how bytes reach the clouds and come back."""
