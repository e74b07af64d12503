"""Node: modules, bundlers, package managers and native builds; the scan of its sources."""
