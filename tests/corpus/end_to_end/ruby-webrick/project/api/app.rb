require "bundler/setup"
require "webrick"

server = WEBrick::HTTPServer.new(Port: 8000, AccessLog: [])
server.mount_proc("/") { |_, response| response.body = "ok" }
trap("TERM") { server.shutdown }
server.start
