"""Go, Java, PHP, Ruby and Rust: rules told by single lines, with the tables they read."""
