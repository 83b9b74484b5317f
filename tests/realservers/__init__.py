"""shopdesk against mail servers that other people wrote: Debian's Dovecot and Postfix, private and in temporary folders.

Where they are not installed, or the tests are not run by root, these tests are left out and say why.
"""
