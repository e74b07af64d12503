require("net").connect(6379, "127.0.0.1");
