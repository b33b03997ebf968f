// The program that holds a pseudo-terminal in the workspace container: see ../../docs/decisions/0012-a-host-for-each-terminal.md.
module dormouse.dev/terminal-host

go 1.26
