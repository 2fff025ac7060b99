"""What people do: folders, uploads, downloads, quota, cloud accounts, jobs as they see them.

Knows no HTTP and no queue.
"""
