const http = require("http");

process.on("SIGTERM", () => process.exit(0));
http.createServer((request, response) => {
  response.end("ok");
}).listen(8000, "0.0.0.0", () => console.log("serving"));
