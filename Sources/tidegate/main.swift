// The command line (see Commands.swift).
import Node
