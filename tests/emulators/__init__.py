"""Blob stores on this machine: Azure's as Azurite, S3 as moto, Google's as fake-gcs-server has it."""
