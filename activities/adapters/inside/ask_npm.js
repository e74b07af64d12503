// Runs inside the service's image: asks its npm what the registry it is configured for offers.
// Reads question.json, writes answer.json; installs nothing and runs no package's code.
"use strict";
const { execFileSync } = require("child_process");
const fs = require("fs");
const path = require("path");

const question = JSON.parse(fs.readFileSync("question.json", "utf8"));
const end = Date.now() + question.seconds * 1000;
const answer = { reached: false, interpreter: process.versions.node, packages: {} };
const QUIET = ["--json", "--no-update-notifier", "--fetch-retries=1", "--fetch-retry-mintimeout=300", "--fetch-timeout=8000", "--loglevel=silent"];

function view(...args) {
  const left = Math.max(500, Math.round(end - Date.now()));
  const options = { encoding: "utf8", timeout: left, maxBuffer: 64 * 1024 * 1024, stdio: ["ignore", "pipe", "ignore"] };
  return JSON.parse(execFileSync("npm", ["view", ...args, ...QUIET], options) || "null");
}

// npm brings the semver package along; where it cannot be found, every release is taken to fit.
function satisfies(range) {
  const real = fs.realpathSync(execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim());
  for (const place of [path.resolve(real, "../../node_modules/semver"), "/usr/share/nodejs/semver", "semver"]) {
    try {
      return require(place).satisfies(process.versions.node, range);
    } catch (error) {
      continue;
    }
  }
  return true;
}

function fits(release) {
  const node = release.engines && release.engines.node;
  return typeof node !== "string" || satisfies(node);
}

// npm prints one release as an object, several as a list, and a bare version where that is all it has.
function releases(range) {
  const seen = [].concat(view(range, "version", "engines") || []);
  return seen.map((one) => (typeof one === "string" ? { version: one } : one)).reverse();
}

function chosen(name, wanted) {
  const first = releases(`${name}@${wanted || "latest"}`).find(fits);
  if (first) return first.version;
  const fitting = releases(`${name}@*`).find((one) => !one.version.includes("-") && fits(one));
  return fitting ? fitting.version : "";
}

function describe(one) {
  try {
    const page = view(one.name, "versions", "time", "dist-tags");
    const time = page.time || {};
    const versions = [].concat(page.versions || []);
    const latest = (page["dist-tags"] || {}).latest || "";
    answer.reached = true;
    const within = one.specifier ? releases(`${one.name}@${one.specifier}`).some(fits) : true;
    const pick = chosen(one.name, one.specifier);
    return {
      found: true, complete: true, releases: versions.length, first_uploaded: Object.values(time).sort()[0] || null, newest: latest,
      chosen: pick, problem: within ? "" : `no release of ${one.specifier} suits`, uploaded: time[pick] || null,
    };
  } catch (error) {
    const said = String(error.stdout || "");
    if (!said.includes("E404")) return {};
    answer.reached = true;
    return { found: false };
  }
}

for (const one of question.packages) {
  if (Date.now() > end) break;
  answer.packages[one.name] = describe(one);
  fs.writeFileSync("answer.tmp", JSON.stringify(answer));
  fs.renameSync("answer.tmp", "answer.json");
}
