const http = require("http");
const dayjs = require("./dates");

process.on("SIGTERM", () => process.exit(0));
http.createServer((request, response) => {
  response.end(dayjs("2026-01-01").format("DD.MM.YYYY"));
}).listen(8000, "0.0.0.0", () => console.log("serving"));
