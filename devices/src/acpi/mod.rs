//! Devices that ACPI defines. The tables that describe them are the machine's.
