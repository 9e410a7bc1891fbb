"""Blob stores on this machine: Azure's as Azurite has it, S3 as moto has it."""
