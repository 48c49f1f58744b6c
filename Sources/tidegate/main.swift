// The command line: parsed here, carried out in Node.
import ArgumentParser
import Node

Tidegate.main()
