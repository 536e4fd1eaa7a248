"""Ratings in stars for Tracker."""
