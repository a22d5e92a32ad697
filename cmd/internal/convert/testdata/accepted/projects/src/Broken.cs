this does not parse {
