"""The engine: how work is done once. It knows no restaurant and can be used without one."""
