"""The data of the contract. These modules import only each other."""
