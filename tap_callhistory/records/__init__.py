"""From a vendor's records to the tap's: types, names, and what no schema declares."""
