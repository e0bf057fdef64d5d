"""Sources and sinks that talk to the outside."""

from riverrun.datastream.connectors.base import DeliveryGuarantee, Sink, Source

__all__ = ["DeliveryGuarantee", "Sink", "Source"]
