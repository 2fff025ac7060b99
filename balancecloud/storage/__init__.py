"""How bytes reach the clouds and come back: spool, writer, reader, placement, erasure, work.

Never hears of Redis or HTTP.
"""
