"""Tests of jobs as a person sees and steers them."""
